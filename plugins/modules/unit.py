# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A systemd unit, the files it reads and its state, in one call: over a slow connection, each call costs seconds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: unit
short_description: A systemd unit, its files and its state, in one call
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Writes the files that a unit consists of or reads, has them tested before any of them is put in place, and has the
    unit run with them.
  - A service that was started before its files were last changed is restarted, also when an earlier run was interrupted
    between the one and the other.
options:
  name:
    description: Name of the unit. V(.service) is added where it has no type.
    type: str
    required: true
  files:
    description: The files. A missing directory is made, with mode 0755.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where it is.
        type: path
        required: true
      content:
        description: What it holds, as text. Either this or O(files[].secret_content) is required.
        type: str
      secret_content:
        description: The same for a file with secrets; it is neither shown nor logged.
        type: str
      validate:
        description:
          - Command that tests the file before it is put in place; C(%s) stands for a file of the same name with the
            new content.
          - Not run in check mode, in which what the file names may not be there yet.
        type: str
      owner:
        description: Owner of the file.
        type: str
        default: root
      group:
        description: Group of the file.
        type: str
        default: root
      mode:
        description: Mode of the file.
        type: raw
        default: "0644"
  reads:
    description:
      - Other files that the service reads when it starts. It is restarted when one of them is newer than its start.
    type: list
    elements: path
    default: []
  on_change:
    description: What makes a running service take up changed files.
    type: str
    choices: [restart, reload]
    default: restart
  state:
    description: Whether the unit runs. With V(restarted) it is restarted in any case.
    type: str
    choices: [started, restarted, stopped]
    default: started
  enabled:
    description: Whether it is started when the host boots.
    type: bool
    default: true
attributes:
  check_mode:
    description: Predicts what would be done, but doesn't test the files.
    support: full
  diff_mode:
    description: Shows the files, apart from secret ones, and what is done to the unit.
    support: full
"""

EXAMPLES = r"""
- name: Run OpenRefine
  ouseful.coursevm.unit:
    name: openrefine
    files:
      - path: /etc/systemd/system/openrefine.service
        content: "{{ lookup('ansible.builtin.template', 'openrefine.service.j2') }}"
        validate: systemd-analyze verify %s

- name: Publish it
  ouseful.coursevm.unit:
    name: nginx
    on_change: reload
    files:
      - path: /etc/nginx/nginx.conf
        content: "{{ lookup('ansible.builtin.template', 'nginx.conf.j2') }}"
        validate: nginx -t -q -c %s
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: [write /etc/nginx/nginx.conf, reload nginx.service]
"""

import os
import shlex
import tempfile
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils.changes import Done, read

FILE = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "secret_content": {"type": "str", "no_log": True},
    "validate": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "raw", "default": "0644"},
}
ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": FILE,
        "required_one_of": [("content", "secret_content")],
        "mutually_exclusive": [("content", "secret_content")],
    },
    "reads": {"type": "list", "elements": "path", "default": []},
    "on_change": {"type": "str", "choices": ["restart", "reload"], "default": "restart"},
    "state": {"type": "str", "choices": ["started", "restarted", "stopped"], "default": "started"},
    "enabled": {"type": "bool", "default": True},
}
TYPES = ("service", "socket", "timer", "path", "target", "mount", "automount", "swap", "slice")
# Directories whose files systemd itself reads.
UNIT_DIRECTORIES = ("/etc/systemd/", "/run/systemd/", "/usr/lib/systemd/", "/lib/systemd/")
PROPERTIES = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestampMonotonic"
# Whether a unit file is enabled, where that can be changed at all; empty: there is none yet.
SWITCHES = {"enabled": True, "enabled-runtime": False, "disabled": False, "": False}
RUNNING = ("active", "activating", "reloading")


def full_name(name: str) -> str:
    """The unit's name with its type."""
    return name if name.rpartition(".")[2] in TYPES else f"{name}.service"


def unit_actions(wanted: dict[str, Any], seen: dict[str, str], changed: bool, stale: bool) -> list[str]:
    """What systemctl is to do, in its own words, in order.

    ``seen`` has the unit's properties; ``changed`` tells that files were changed, ``stale`` that the service was
    started before its files were last changed.
    """
    verbs = []
    running = seen.get("ActiveState") in RUNNING
    if seen.get("UnitFileState", "") in SWITCHES and SWITCHES[seen.get("UnitFileState", "")] != wanted["enabled"]:
        verbs.append("enable" if wanted["enabled"] else "disable")
    if wanted["state"] == "stopped":
        return [*verbs, "stop"] if running else verbs
    if not running:
        return [*verbs, "start"]
    if wanted["state"] == "restarted" or (wanted["on_change"] == "restart" and (changed or stale)):
        return [*verbs, "restart"]
    if changed:
        return [*verbs, "reload"]
    return verbs


def write(path: str, content: str) -> None:
    """Write a file that nobody else may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)


class Unit:
    """The unit on this host, and what there is to do about it."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.name = full_name(module.params["name"])
        self.done = Done()
        self.scratch = tempfile.mkdtemp(dir=module.tmpdir)

    def ensure(self) -> None:
        """Do, or in check mode predict, all there is to do."""
        changed = [file for file in self.module.params["files"] if read(file["path"]) != self._content(file)]
        candidates = [self._tested(number, file) for number, file in enumerate(changed)]
        for file, candidate in zip(changed, candidates, strict=True):
            self._place(file, candidate)
        for file in self.module.params["files"]:
            self._set_attributes(file)
        seen = self._properties()
        if any(file["path"].startswith(UNIT_DIRECTORIES) for file in changed) or seen["NeedDaemonReload"] == "yes":
            self._systemctl("daemon-reload")
            seen = self._properties()
        usable = seen["LoadState"] in ("loaded", "merged")
        if not usable and self.module.params["state"] == "stopped":
            return
        if not usable and not self.module.check_mode:
            self.module.fail_json(
                msg=f"name: {self.name} can't be run: systemd says that it is {seen['LoadState']}. "
                f"Install or write it; 'systemctl status {self.name}' says more."
            )
        for verb in unit_actions(self.module.params, seen, bool(changed), self._is_stale(seen)):
            self._systemctl(verb, self.name)

    @staticmethod
    def _content(file: dict[str, Any]) -> str:
        return file["content"] if file["content"] is not None else file["secret_content"]

    def _tested(self, number: int, file: dict[str, Any]) -> str:
        """Path of the new file, tested, in a directory that only we can read."""
        directory = os.path.join(self.scratch, str(number))
        os.mkdir(directory, 0o700)
        candidate = os.path.join(directory, os.path.basename(file["path"]))
        write(candidate, self._content(file))
        if not file["validate"] or self.module.check_mode:
            return candidate
        command = [part.replace("%s", candidate) for part in shlex.split(file["validate"])]
        status, output, errors = self.module.run_command(command)
        if status:
            said = (errors or output).strip().replace(candidate, file["path"])
            self.module.fail_json(msg=f"files: {file['path']} is refused and nothing was changed: {said}")
        return candidate

    def _place(self, file: dict[str, Any], candidate: str) -> None:
        path = file["path"]
        self.done.actions.append(f"write {path}")
        if file["secret_content"] is not None:
            self.done.diff.append({"prepared": f"~ write {path} (its content is secret)\n"})
        else:
            self.done.diff.append(
                {"before_header": path, "after_header": path, "before": read(path) or "", "after": file["content"]}
            )
        if self.module.check_mode:
            return
        directory = os.path.dirname(path)
        if not os.path.isdir(directory):
            os.makedirs(directory)
            os.chmod(directory, 0o755)
        self.module.atomic_move(candidate, path)

    def _set_attributes(self, file: dict[str, Any]) -> None:
        if not os.path.exists(file["path"]):
            return
        attributes = self.module.load_file_common_arguments(file, path=file["path"])
        differs = self.module.set_fs_attributes_if_different(attributes, False)
        words = f"write {file['path']}"
        if differs and words not in self.done.actions:
            self.done.note(f"set owner, group and mode of {file['path']}")

    def _properties(self) -> dict[str, str]:
        """The unit's properties as systemd has them."""
        _, output, _ = self.module.run_command(
            ["systemctl", "show", f"--property={PROPERTIES}", self.name], check_rc=True
        )
        return dict(line.split("=", 1) for line in output.splitlines())

    def _is_stale(self, seen: dict[str, str]) -> bool:
        """Whether a file is newer than the service's start."""
        if seen["ActiveState"] not in RUNNING:
            return False
        started = time.time() - time.monotonic() + int(seen["ActiveEnterTimestampMonotonic"] or 0) / 1e6
        paths = [file["path"] for file in self.module.params["files"]] + self.module.params["reads"]
        return any(os.stat(path).st_mtime > started for path in paths if os.path.exists(path))

    def _systemctl(self, *command: str) -> None:
        # daemon-reload is no change of its own
        if command[0] != "daemon-reload":
            self.done.note(" ".join(command))
        if self.module.check_mode:
            return
        status, output, errors = self.module.run_command(["systemctl", *command])
        if status:
            # The journal may hold what the service's own code prints, secrets included: it is named, not shown
            self.module.fail_json(
                msg=f"'systemctl {' '.join(command)}' failed: {(errors or output).strip()} "
                f"See 'journalctl --unit {self.name}' on the host.",
                actions=self.done.actions,
            )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    os.umask(0o077)
    unit = Unit(module)
    unit.ensure()
    module.exit_json(changed=bool(unit.done.actions), actions=unit.done.actions, diff=unit.done.diff)


if __name__ == "__main__":
    main()
