# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads a course's files on the control machine and copies those needed; documented in the module of the same name."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import typing as t

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.ouseful.coursevm.plugins.modules.course_notebooks import ARGUMENTS, STATE
from ansible_collections.ouseful.coursevm.plugins.plugin_utils.upstream import Archive, File, Repository, UpstreamError

MODULE = "ouseful.coursevm.course_notebooks"
GIVEN = {name: option for name, option in ARGUMENTS.items() if name not in ("files", "blobs", "digest")}


class ActionModule(ActionBase):
    """Asks the host for a mark. When it is another, runs the module; once more with the contents that it needs."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(
            argument_spec=GIVEN,
            mutually_exclusive=[("repository", "archive")],
            required_one_of=[("repository", "archive")],
            required_by={"repository": ("ref",)},
        )[1]
        if not os.path.isabs(arguments["dest"]):
            raise AnsibleActionFail(f"dest: {arguments['dest']} is no absolute path")
        if self._connection.transport == "ssh":
            self._connection.set_option("use_tty", False)  # nothing asks back
        try:
            path, commit = self._archive(arguments)
            with Archive(path) as archive:
                files, left_out = archive.files(arguments["subdirectory"], arguments["max_size"])
                if left_out:
                    Display().warning(f"Not delivered, because they are no plain files: {', '.join(sorted(left_out))}")
                done = self._deliver(archive, files, arguments, task_vars)
        except UpstreamError as error:
            raise AnsibleActionFail(str(error)) from None
        return {**result, **done, **({"ref": commit} if commit else {})}

    def _archive(self, arguments: dict[str, t.Any]) -> tuple[str, str]:
        if arguments["archive"]:
            return self._find_needle("files", arguments["archive"]), ""
        return Repository(arguments["repository"], arguments["cache"]).archive(arguments["ref"])

    def _deliver(
        self, archive: Archive, files: dict[str, File], arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None
    ) -> dict[str, t.Any]:
        told = {path: [file.version, file.executable] for path, file in files.items()}
        text = json.dumps([told, arguments["keep_both"], arguments["remove"]], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        name = hashlib.sha256(f"{arguments['owner']}\0{arguments['dest']}".encode()).hexdigest()[:16]
        if self._low_level_execute_command(f"cat {STATE}/{name}.digest")["stdout"].strip() == digest:
            return {"changed": False, "actions": [], "kept": []}
        module_arguments = {**arguments, "files": told, "digest": digest}
        done = self._execute_module(module_name=MODULE, module_args=module_arguments, task_vars=task_vars)
        missing = done.pop("missing", [])
        if not missing:
            return done
        # Where Ansible removes it even when this is interrupted
        with tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as directory, self._remote_directory():
            archive.pack(files, missing, f"{directory}/blobs.tar")
            module_arguments["blobs"] = self._connection._shell.join_path(self._connection._shell.tmpdir, "blobs.tar")
            self._transfer_file(f"{directory}/blobs.tar", module_arguments["blobs"])
            done = self._execute_module(module_name=MODULE, module_args=module_arguments, task_vars=task_vars)
        if done.pop("missing", []):
            done.update(failed=True, msg="The student was changing files. Nothing was delivered; run it again.")
        return done

    @contextlib.contextmanager
    def _remote_directory(self) -> t.Iterator[None]:
        """A directory on the host for what is copied, removed afterwards."""
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        try:
            yield
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
            self._connection._shell.tmpdir = None
