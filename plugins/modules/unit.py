# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Systemd units, the files they read and their state, in one call: over a slow connection, each call costs seconds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: unit
short_description: Systemd units, their files and their state, in one call
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Writes the files that a unit consists of or reads, has them tested before any of them is put in place, and has the
    unit run with them.
  - Either all changed files are put in place or, when one is refused or cannot be written, none.
  - A service that was started (or, with O(on_change=reload), reloaded) before its files were last changed is restarted
    or reloaded, also when an earlier run was interrupted between the one and the other.
  - A service that is to run has to stay up. One that was started less than five seconds ago is watched until then, so
    that one that ends at every start fails the task, also in check mode and when it is another run that looks at it.
    C(oneshot) services, timers and others that aren't to run on are not watched.
  - A unit that ran and, after its files were changed, can't be restarted or reloaded or doesn't stay up gets its old
    files back and is restarted with them, and the task fails; whether it is enabled stays as declared. One that didn't
    run before keeps the new files, with which the next call, too, tells what is wrong.
  - Of several units, one that fails doesn't keep the others from running with their new files.
  - What fails to start or to stay up is shown with the last lines of its journal, unless one of its files is secret,
    which the journal may hold.
  - The host's log gets the units' names, and no argument.
extends_documentation_fragment: [ouseful.coursevm.unless]
options:
  name: &name
    description: Name of the unit. V(.service) is added where it has no type. Either this or O(units) is required.
    type: str
  files: &files
    description: The files. Missing directories are made, with mode 0755.
    type: list
    elements: dict
    default: []
    suboptions:
      path: &path
        description: Where it is.
        type: path
        required: true
      content:
        description: What it holds, as text. Either this or O(files[].secret_content) is required unless it is removed.
        type: str
      secret_content:
        description: The same for a file with secrets; it is neither shown nor logged.
        type: str
      state:
        description: Whether there is to be such a file. One that is removed is not shown.
        type: str
        choices: [present, absent]
        default: present
      validate:
        description:
          - Command that tests the file before it is put in place; C(%s) stands for a file of the same name with the
            new content.
          - All files of the task, changed or not, lie as they will, below one directory. So a path that is relative to
            the file leads to the new content of another.
          - Run when any of the files changes, but not in check mode, in which what the file names may not be there yet.
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
  directories: &directories
    description:
      - Directories that a file of the unit has root make or give away, as C(tmpfiles.d) does. They are not made here.
      - The call fails, before it changes anything, when another than root could put a link in the place of one of them,
        because a directory above it is not root's alone, or will not be.
    type: list
    elements: dict
    default: []
    suboptions:
      path: *path
      owner:
        description: Owner that it gets.
        type: str
        default: root
      group:
        description: Group that it gets.
        type: str
        default: root
      mode:
        description: Mode that it gets, octal figures.
        type: str
        default: "0755"
  reads: &reads
    description:
      - Other files that the service reads when it starts. It is restarted when one of them is newer than its start.
    type: list
    elements: path
    default: []
  on_change: &on_change
    description:
      - What makes a running service take up changed files. Those that systemd itself reads, such as a drop-in, take a
        restart in any case.
    type: str
    choices: [restart, reload]
    default: restart
  state: &state
    description: Whether the unit runs. With V(restarted) it is restarted in any case.
    type: str
    choices: [started, restarted, stopped]
    default: started
  enabled: &enabled
    description: Whether it is started when the host boots.
    type: bool
    default: true
  units:
    description: Several units, each with the options above, which aren't given themselves then.
    type: list
    elements: dict
    suboptions:
      name: {<<: *name, required: true}
      files: *files
      directories: *directories
      reads: *reads
      on_change: *on_change
      state: *state
      enabled: *enabled
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

- name: Run two services
  ouseful.coursevm.unit:
    units:
      - {name: first, files: "{{ files_of_first }}"}
      - {name: second, files: "{{ files_of_second }}"}
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: [write /etc/nginx/nginx.conf, reload nginx.service]
told:
  description: What O(unless) has printed, line by line.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os
import re
import shlex
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils import stays_up
from ansible_collections.ouseful.coursevm.plugins.module_utils.changes import Done, read
from ansible_collections.ouseful.coursevm.plugins.module_utils.quiet import QuietModule
from ansible_collections.ouseful.coursevm.plugins.module_utils.roots_own import Directory, look, others_directory
from ansible_collections.ouseful.coursevm.plugins.module_utils.services import is_newer, properties
from ansible_collections.ouseful.coursevm.plugins.module_utils.unless import UNLESS, told

FILE = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "secret_content": {"type": "str", "no_log": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "validate": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "raw", "default": "0644"},
}
DIRECTORY = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0755"},
}
UNIT = {
    "name": {"type": "str"},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": FILE,
        "required_if": [("state", "present", ("content", "secret_content"), True)],
        "mutually_exclusive": [("content", "secret_content")],
    },
    "directories": {"type": "list", "elements": "dict", "default": [], "options": DIRECTORY},
    "reads": {"type": "list", "elements": "path", "default": []},
    "on_change": {"type": "str", "choices": ["restart", "reload"], "default": "restart"},
    "state": {"type": "str", "choices": ["started", "restarted", "stopped"], "default": "started"},
    "enabled": {"type": "bool", "default": True},
}
UNITS = {"type": "list", "elements": "dict", "options": {**UNIT, "name": {"type": "str", "required": True}}}
ARGUMENTS = {**UNIT, "units": UNITS, **UNLESS}
TYPES = ("service", "socket", "timer", "path", "target", "mount", "automount", "swap", "slice")
# Directories whose files systemd itself reads.
UNIT_DIRECTORIES = ("/etc/systemd/", "/run/systemd/", "/usr/lib/systemd/", "/lib/systemd/")
# When a service took up its files: a reload leaves the time of the start as it is, but is a change of state.
TAKEN_UP = {"restart": "ActiveEnterTimestampMonotonic", "reload": "StateChangeTimestampMonotonic"}
PROPERTIES = ("LoadState", "UnitFileState", "NeedDaemonReload", *TAKEN_UP.values(), *stays_up.PROPERTIES)
# Whether a unit file is enabled, where that can be changed at all; empty: there is none yet.
SWITCHES = {"enabled": True, "enabled-runtime": False, "disabled": False, "": False}
RUNNING = ("active", "activating", "reloading")
# After these verbs, the unit runs on as it did
UNTOUCHING = {"enable", "disable"}
# These are no change of their own
PREPARATIONS = {"daemon-reload", "reset-failed"}
# Seconds until a service that is to be restarted has to be back
PATIENCE = 30
JOURNAL_LINES = 20
SHORTEST_SECRET = 8


def full_name(name: str) -> str:
    """The unit's name with its type."""
    return name if name.rpartition(".")[2] in TYPES else f"{name}.service"


def unit_actions(wanted: dict[str, Any], seen: dict[str, str], changed: bool, stale: bool) -> list[str]:
    """What systemctl is to do, in its own words, in order.

    ``seen`` has the unit's properties; ``changed`` tells that files were changed, ``stale`` that the service has not
    taken up its files since they were last changed.
    """
    verbs = []
    running = seen.get("ActiveState") in RUNNING
    if seen.get("UnitFileState", "") in SWITCHES and SWITCHES[seen.get("UnitFileState", "")] != wanted["enabled"]:
        verbs.append("enable" if wanted["enabled"] else "disable")
    if wanted["state"] == "stopped":
        return [*verbs, "stop"] if running else verbs
    if not running:
        return [*verbs, "start"]
    if wanted["state"] == "restarted":
        return [*verbs, "restart"]
    return [*verbs, wanted["on_change"]] if changed or stale else verbs


def content_of(file: dict[str, Any]) -> str | None:
    """What the file is to hold; None where there is to be none."""
    if file["state"] == "absent":
        return None
    return file["content"] if file["content"] is not None else file["secret_content"]


def secret_lines(files: list[dict[str, Any]]) -> set[str]:
    """The lines of the secret files, without those too short to be a secret."""
    lines = (line.strip() for file in files for line in (file["secret_content"] or "").splitlines())
    return {line for line in lines if len(line) >= SHORTEST_SECRET}


def write(path: str, content: str) -> None:
    """Write a new file that nobody else may read, and have it on the disk. OSError when it cannot be."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def beside(path: str, which: str) -> str:
    """Path of the file's new or old content while it is replaced."""
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}.{which}")


def put_back(path: str) -> None:
    """Have the file as it was before it was replaced."""
    if os.path.exists(beside(path, "old")):
        os.replace(beside(path, "old"), path)
    else:
        os.remove(path)


class UnitError(Exception):
    """A unit can't be run as it is to: what happened, and the reason, in words."""


class Module(QuietModule):
    """The module, with its units."""

    @property
    def subjects(self) -> list[str]:
        """The units' names."""
        return [unit["name"] for unit in self.units]

    @property
    def units(self) -> list[dict[str, Any]]:
        """The units, each with its options."""
        return [self.params] if self.params["units"] is None else self.params["units"]


class Files:
    """The files of this call."""

    def __init__(self, module: Module, done: Done) -> None:
        self.module = module
        self.done = done
        self.files: list[dict[str, Any]] = [file for unit in module.units for file in unit["files"]]
        self.present = [file for file in self.files if content_of(file) is not None]

    def ensure(self) -> set[str]:
        """Put all that differ in place, or in check mode predict that; their paths."""
        paths = [file["path"] for file in self.files]
        for path in paths:
            if paths.count(path) > 1:
                self.module.fail_json(msg=f"files: {path} is there twice. Say once what it is to hold.")
        changed = [file for file in self.files if self._differs(file)]
        for file in changed:
            self.done.replace(file["path"], content_of(file), secret=file["content"] is None)
        if changed and not self.module.check_mode:
            self._test()
            self._replace(changed)
        for file in self.present:
            self._set_attributes(file)
        return {file["path"] for file in changed}

    def _differs(self, file: dict[str, Any]) -> bool:
        with self._unchanged(file["path"]):
            return read(file["path"]) != content_of(file)

    def _test(self) -> None:
        """Have the files tested as they will lie, in a directory that only we can read."""
        root = tempfile.mkdtemp(dir=self.module.tmpdir)
        for file in self.present:
            candidate = root + file["path"]
            with self._unchanged(file["path"]):
                os.makedirs(os.path.dirname(candidate), exist_ok=True)
                write(candidate, content_of(file))
        for file in self.present:
            command = [part.replace("%s", root + file["path"]) for part in shlex.split(file["validate"] or "")]
            if not command:
                continue
            status, output, errors = self.module.run_command(command)
            if status:
                said = (errors or output).strip().replace(root, "")
                self.module.fail_json(msg=f"files: {file['path']} is refused and nothing was changed: {said}")

    def _replace(self, files: list[dict[str, Any]]) -> None:
        """Put the files in place: first all of them beside the old ones, where the disk may turn out to be full."""
        paths = [file["path"] for file in files]
        self.clear()  # of what a killed run has left
        for file in files:
            with self._unchanged(file["path"]):
                if file in self.present:
                    self._write_new(file)
        for number, path in enumerate(paths):
            with self._unchanged(path, undo=paths[:number]):
                if os.path.exists(path):
                    os.link(path, beside(path, "old"))
                if os.path.exists(beside(path, "new")):
                    os.replace(beside(path, "new"), path)
                else:
                    os.remove(path)

    def _write_new(self, file: dict[str, Any]) -> None:
        self._make_directory(os.path.dirname(file["path"]))
        write(beside(file["path"], "new"), content_of(file))
        attributes = self.module.load_file_common_arguments(file, path=beside(file["path"], "new"))
        self.module.set_fs_attributes_if_different(attributes, False)

    def _make_directory(self, path: str) -> None:
        if os.path.isdir(path):
            return
        self._make_directory(os.path.dirname(path))
        os.mkdir(path)
        os.chmod(path, 0o755)

    def clear(self) -> None:
        """Leave nothing beside the files; from then on, none can be put back."""
        for file in self.files:
            for which in ("new", "old"):
                with suppress(OSError):
                    os.remove(beside(file["path"], which))

    @contextmanager
    def _unchanged(self, path: str, undo: Iterable[str] = ()) -> Iterator[None]:
        """Fail in words where a file can't be written, after others have got their old content back."""
        try:
            yield
        except OSError as error:
            for replaced in undo:
                put_back(replaced)
            self.module.fail_json(msg=f"files: {path} can't be written and nothing was changed: {error.strerror}")

    def _set_attributes(self, file: dict[str, Any]) -> None:
        if not os.path.exists(file["path"]):
            return
        attributes = self.module.load_file_common_arguments(file, path=file["path"])
        differs = self.module.set_fs_attributes_if_different(attributes, False)
        words = f"write {file['path']}"
        if differs and words not in self.done.actions:
            self.done.note(f"set owner, group and mode of {file['path']}")


def check_directories(module: Module) -> None:
    """Fail when a directory that root is to give away could be another than the one that is meant."""
    directories = [directory for unit in module.units for directory in unit["directories"]]
    to_be: dict[str, Directory] = {}
    for one in directories:
        path, mode = one["path"], one["mode"]
        if not re.fullmatch("[0-7]{3,4}", mode):
            module.fail_json(msg=f"directories: {path} has the mode {mode}. Give three or four octal figures.")
        to_be[os.path.normpath(path)] = Directory(one["owner"], one["group"], int(mode, 8))
    for path in (one["path"] for one in directories):
        refused = f"directories: {path} is refused and nothing was changed:"
        try:
            other = others_directory(path, lambda at: to_be.get(at) or look(at))
        except OSError as error:
            module.fail_json(msg=f"{refused} {error.strerror}.")
        if other:
            above, attributes = other
            module.fail_json(
                msg=f"{refused} {above} is not root's alone ({attributes}), so a link in its place would have "
                "root give away any directory of the host. Name one below directories that root alone can write to."
            )


class Unit:
    """A unit on this host, and what there is to do about it."""

    def __init__(self, module: Module, done: Done, wanted: dict[str, Any]) -> None:
        self.module = module
        self.done = done
        self.wanted = wanted
        self.name = full_name(wanted["name"])
        self.paths: list[str] = [file["path"] for file in wanted["files"]]
        self.has_secrets = any(file["secret_content"] is not None for file in wanted["files"])
        self.is_to_stay = False
        self.replaced: set[str] = set()  # files, whose old content it ran with

    def ensure(self, changed: set[str]) -> None:
        """Do, or in check mode predict, what is due after those files were changed."""
        own = changed.intersection(self.paths)
        seen = properties(self.module, self.name, PROPERTIES)
        ran = seen["ActiveState"] in RUNNING and not stays_up.is_to_be_restarted(seen)
        self.replaced = own if ran and self.wanted["state"] != "stopped" else set()
        if any(path.startswith(UNIT_DIRECTORIES) for path in own) or seen["NeedDaemonReload"] == "yes":
            self._systemctl("daemon-reload")
            seen = properties(self.module, self.name, PROPERTIES)
        usable = seen["LoadState"] in ("loaded", "merged")
        if not usable and self.wanted["state"] == "stopped":
            return
        if not usable and not self.module.check_mode:
            raise UnitError(
                f"name: {self.name} can't be run: systemd says that it is {seen['LoadState']}.",
                f"Install or write it; 'systemctl status {self.name}' says more.",
            )
        on_change = self._on_change(seen, own)
        stale = self._is_older(seen, self.paths + self.wanted["reads"], on_change)
        verbs = unit_actions({**self.wanted, "on_change": on_change}, seen, bool(own), stale)
        for verb in verbs:
            self._systemctl(verb, self.name)
        # What a start would come to is not to be known in check mode
        self.is_to_stay = self.wanted["state"] != "stopped" and (
            not self.module.check_mode or UNTOUCHING.issuperset(verbs)
        )

    def stay_up(self) -> None:
        """UnitError when it is to run and ends again and again; call it after all were started, to wait once."""
        seen = properties(self.module, self.name, PROPERTIES) if self.is_to_stay else {}
        if not seen or not stays_up.is_to_stay(self.name, seen):
            return
        tolerated, give_up = stays_up.tolerated(seen), time.monotonic() + PATIENCE
        while (stays := stays_up.verdict(seen, tolerated, time.monotonic())) is None:
            if time.monotonic() > give_up:
                stays = not stays_up.is_to_be_restarted(seen)  # one that takes its time to start is none of ours
                break
            time.sleep(0.25)
            seen = properties(self.module, self.name, PROPERTIES)
        if not stays:
            raise UnitError(f"name: {self.name} doesn't stay up: {stays_up.how_it_ended(seen)}.", self._reason())

    def go_back(self) -> str:
        """Run with the old files, where it ran with them and they were replaced; what came of it, in words."""
        if not self.replaced:
            return ""
        try:
            for path in sorted(self.replaced):
                put_back(path)
                self.done.note(f"put back {path}")
            self._systemctl("daemon-reload")
            self._systemctl("reset-failed", self.name)  # for who has been started too often is not started
            self._systemctl("restart", self.name)
            self.is_to_stay = True
            self.stay_up()
        except OSError as error:
            return f"The old configuration can't be brought back: {error.strerror}. "
        except UnitError as failure:
            return f"The old configuration is back, but with that, too: {failure.args[0]} "
        finally:
            self.is_to_stay = False
        return "The old configuration is back, and it runs with that. "

    def _reason(self) -> str:
        """What the service has said about its end, or where that is to be found."""
        command = ["journalctl", f"--unit={self.name}", f"--lines={JOURNAL_LINES}", "--output=cat", "--no-pager", "-q"]
        # The journal may hold what the service's own code prints, secrets included: then it is named, not shown
        said = "" if self.has_secrets else self.module.run_command(command)[1].strip()
        where = f"'journalctl --unit {self.name}' on the host says more."
        return f"Mend the reason and run this again; {where}" + (f" Its last lines:\n{said}" if said else "")

    def _on_change(self, seen: dict[str, str], own: set[str]) -> str:
        """What makes it take up its files: what systemd itself reads, a reload leaves as it was."""
        systemds = [path for path in self.paths if path.startswith(UNIT_DIRECTORIES)]
        due = own.intersection(systemds) or self._is_older(seen, systemds, "restart")
        return "restart" if due else self.wanted["on_change"]

    def _is_older(self, seen: dict[str, str], paths: list[str], on_change: str) -> bool:
        """Whether a file is newer than what the service has taken up."""
        return seen["ActiveState"] in RUNNING and is_newer(paths, seen[TAKEN_UP[on_change]])

    def _systemctl(self, *command: str) -> None:
        if command[0] not in PREPARATIONS:
            self.done.note(" ".join(command))
        if self.module.check_mode:
            return
        status, output, errors = self.module.run_command(["systemctl", *command])
        if status:
            raise UnitError(f"'systemctl {' '.join(command)}' failed: {(errors or output).strip()}", self._reason())


def run(units: list[Unit], changed: set[str]) -> list[str]:
    """Have all units run with their files, or, those that can't, with the old ones; what failed, in words."""
    failures = []
    for step in (lambda unit: unit.ensure(changed), Unit.stay_up):
        for unit in units:
            try:
                step(unit)
            except UnitError as failure:
                what, reason = failure.args
                failures.append(f"{what} {unit.go_back()}{reason}")
    return failures


def main() -> None:
    """Run the module."""
    module = Module(
        argument_spec=ARGUMENTS,
        required_one_of=[("name", "units")],
        mutually_exclusive=[("units", option) for option in UNIT],
        supports_check_mode=True,
    )
    if missing := told(module):
        module.exit_json(changed=False, actions=[], told=missing)
    done = Done()
    files = Files(module, done)
    # A secret that is shown whole is hidden by Ansible; what refuses a file may quote one line of it
    module.no_log_values.update(secret_lines(files.files))
    os.umask(0o077)
    check_directories(module)
    units = [Unit(module, done, wanted) for wanted in module.units]
    try:
        changed = files.ensure()
        failures = run(units, changed)
    finally:
        if not module.check_mode:
            files.clear()
    if failures:
        module.fail_json(msg="\n".join(failures), actions=done.actions)
    module.exit_json(**done.result(), told=[])


if __name__ == "__main__":
    main()
