# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes to the way into a host, which it takes back unless they are confirmed: the part that runs on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: commit_confirmed
short_description: Change the way into a host without being locked out
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Changes what the way into a host depends upon (its SSH service, firewall, the operator's keys) and confirms it
    over a new connection, with the operator's own login and privileges, as C(commit confirmed) of network equipment.
  - Before the first change a timer is started on the host. Unless the change is confirmed in time, the host takes it
    back by itself, also when the play was interrupted, the connection is lost, or the host has rebooted meanwhile.
  - The host keeps in C(/var/lib/coursevm/commit.confirmed) what was confirmed last. So a confirmation whose answer is
    lost is asked for again, and what became of the change is told as it is.
  - Only steps that are due are done. When none is, nothing is started and nothing written.
  - When host keys were changed by a step, the new ones, read over the connection that is already trusted, replace the
    old ones in the SSH client's C(known_hosts) file.
  - A change that an earlier run left unconfirmed is taken back first.
options:
  steps:
    description: What there is to change, in order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What it is, for people.
        type: str
        required: true
      files:
        description: Files of the step. A missing directory is made, with mode 0755, or 0700 if root is not the owner.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Where it is; C(~name) is an account's home directory.
            type: path
            required: true
          content:
            description: What it holds, as text. Without it the file is removed.
            type: str
          owner:
            description: Owner of the file, and its primary group that of the file.
            type: str
            default: root
          mode:
            description: Mode of the file.
            type: str
            default: "0644"
      saves:
        description: Further files, as shell patterns, that O(steps[].apply) changes. They are brought back, too.
        type: list
        elements: path
        default: []
      check:
        description:
          - Shell command that changes nothing and exits with 0 when the step is in force; else it says why not.
          - It is run before, to see whether there is anything to do, and after.
        type: str
      validate:
        description: Shell command that tests the files once they are in place, before O(steps[].apply).
        type: str
      apply:
        description: Shell command that puts the files in force.
        type: str
      undo:
        description: Shell command that is run after the files were brought back. By default O(steps[].apply).
        type: str
  timeout:
    description: Seconds that the host waits for the confirmation.
    type: int
    default: 120
attributes:
  check_mode:
    description: Predicts which steps are due. The files are not tested.
    support: full
  diff_mode:
    description: Shows the files and names the steps.
    support: full
"""

EXAMPLES = r"""
- name: Let nobody in by password
  ouseful.coursevm.commit_confirmed:
    steps:
      - name: SSH service
        files:
          - path: /etc/ssh/sshd_config.d/00-keys-only.conf
            content: |
              PasswordAuthentication no
        validate: sshd -t
        apply: systemctl reload ssh
        check: sshd -T | grep -qx 'passwordauthentication no'
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: [write /etc/ssh/sshd_config.d/00-keys-only.conf, "apply: SSH service", "confirmed over a new connection"]
"""

import glob
import os
import pwd
import secrets
import shutil
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils.changes import Done, read, write
from ansible_collections.ouseful.coursevm.plugins.module_utils.take_back import (
    DIRECTORY,
    SERVICE,
    TIMER,
    UNIT,
    guard_script,
)

FILE = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0644"},
}
STEP = {
    "name": {"type": "str", "required": True},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
    "saves": {"type": "list", "elements": "path", "default": []},
    "check": {"type": "str"},
    "validate": {"type": "str"},
    "apply": {"type": "str"},
    "undo": {"type": "str"},
}
ARGUMENTS = {
    "steps": {"type": "list", "elements": "dict", "required": True, "options": STEP},
    "timeout": {"type": "int", "default": 120},
}
UNITS = "/etc/systemd/system"
HOST_KEYS = "/etc/ssh/ssh_host_*_key.pub"


class Refused(Exception):
    """A step that cannot be done, and why."""


def differs(file: dict[str, Any]) -> bool:
    """Whether a file is other than it is to be."""
    present = read(file["path"])
    if present is None or file["content"] is None:
        return present != file["content"]
    status = os.lstat(file["path"])
    try:
        owner = pwd.getpwnam(file["owner"])
    except KeyError:
        return True
    attributes = (status.st_uid, status.st_gid, status.st_mode)
    return present != file["content"] or attributes != (owner.pw_uid, owner.pw_gid, 0o100000 | int(file["mode"], 8))


def host_keys() -> list[str]:
    """The host's public keys, each as type and key."""
    return sorted(" ".join((read(path) or "").split()[:2]) for path in glob.glob(HOST_KEYS))


class Commit:
    """The change of this host, from the arming of the timer on."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.done = Done()
        self.token = secrets.token_hex(16)
        self.host_keys: list[str] = []

    def ensure(self) -> None:
        """Do, or in check mode predict, all that is due."""
        interrupted = os.path.exists(DIRECTORY)
        if interrupted:
            self.done.note("take back what an earlier run left unconfirmed")
            if not self.module.check_mode:
                self.take_back()
        predicted_again = interrupted and self.module.check_mode
        due = [step for step in self.module.params["steps"] if predicted_again or self._is_due(step)]
        for step in due:
            self._announce(step)
        if not due or self.module.check_mode:
            return
        try:
            self._arm(due)
            self._do(due)
        except (Refused, OSError) as problem:
            self.take_back()
            reason = str(problem).rstrip(".")
            self.module.fail_json(msg=f"steps: {reason}. Nothing was changed: all was put back as it was.")

    def take_back(self) -> None:
        """Bring back what was saved, at once."""
        if os.path.exists(f"{UNITS}/{UNIT}.service"):
            # by systemd, so that it doesn't run twice at a time
            self.module.run_command(["systemctl", "start", f"{UNIT}.service"])
        elif os.path.exists(f"{DIRECTORY}/guard"):
            self.module.run_command(["/bin/sh", f"{DIRECTORY}/guard", "take-back"])
        else:
            shutil.rmtree(DIRECTORY, ignore_errors=True)
        if os.path.exists(DIRECTORY):
            self.module.fail_json(
                msg=f"An unconfirmed change could not be taken back: see 'journalctl --unit {UNIT}' on the host "
                f"and {DIRECTORY}/guard, which brings it back."
            )

    def _shell(self, command: str) -> tuple[int, str]:
        """Exit status of a command, and what it said."""
        status, output, errors = self.module.run_command(["/bin/sh", "-c", command])
        return status, (errors or output).strip()

    def _is_due(self, step: dict[str, Any]) -> bool:
        return any(differs(file) for file in step["files"]) or bool(step["check"] and self._shell(step["check"])[0])

    def _announce(self, step: dict[str, Any]) -> None:
        for file in step["files"]:
            if differs(file):
                self.done.replace(file["path"], file["content"])
        if step["apply"]:
            self.done.note(f"apply: {step['name']}")

    def _arm(self, due: list[dict[str, Any]]) -> None:
        """Save what may change and start the timer that brings it back."""
        self.host_keys = host_keys()
        os.makedirs(DIRECTORY, 0o700)
        paths = [file["path"] for step in due for file in step["files"]]
        for step in due:
            for pattern in step["saves"]:
                paths += glob.glob(pattern) or [pattern]
        saved: list[tuple[str, str | None]] = []
        for number, path in enumerate(dict.fromkeys(paths)):
            copy = f"{DIRECTORY}/{number}" if os.path.lexists(path) else None
            if copy:
                status, _, errors = self.module.run_command(["cp", "-a", path, copy])
                if status:
                    raise Refused(f"{path} can't be saved: {errors.strip()}")
            saved.append((path, copy))
        undo = [command for step in reversed(due) if (command := step["undo"] or step["apply"])]
        write(f"{DIRECTORY}/guard", guard_script(DIRECTORY, saved, undo))
        write(f"{DIRECTORY}/armed", self.token)
        write(f"{UNITS}/{UNIT}.service", SERVICE.format(directory=DIRECTORY))
        write(f"{UNITS}/{UNIT}.timer", TIMER.format(seconds=self.module.params["timeout"]))
        os.sync()
        for command in (["daemon-reload"], ["--quiet", "enable", "--now", f"{UNIT}.timer"]):
            status, output, errors = self.module.run_command(["systemctl", *command])
            if status:
                raise Refused(f"the timer that would take the change back can't be started: {errors or output}")

    def _do(self, due: list[dict[str, Any]]) -> None:
        for step in due:
            for file in step["files"]:
                if differs(file):
                    self._place(file)
        for what in ("validate", "apply", "check"):
            for step in due:
                # Not after the host has begun to take it back: a slow host may take longer than the timeout
                if not os.path.exists(f"{DIRECTORY}/armed"):
                    raise Refused(f"the host was too slow for a timeout of {self.module.params['timeout']} seconds")
                status, said = self._shell(step[what]) if step[what] else (0, "")
                if status:
                    verb = {"validate": "is refused", "apply": "can't be applied", "check": "is not in force"}[what]
                    raise Refused(f"'{step['name']}' {verb}: {said or f'exit status {status}'}")

    def _place(self, file: dict[str, Any]) -> None:
        path = file["path"]
        if file["content"] is None:
            os.remove(path)
            return
        try:
            owner = pwd.getpwnam(file["owner"])
        except KeyError:
            raise Refused(f"{path} can't be written: there is no account {file['owner']}") from None
        directory = os.path.dirname(path)
        if not os.path.isdir(directory):
            os.makedirs(directory)
            os.chmod(directory, 0o755 if owner.pw_uid == 0 else 0o700)
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        if owner.pw_uid != 0 and os.path.realpath(directory) != os.path.abspath(directory):
            raise Refused(f"{path} can't be written: {directory} leads elsewhere by a link")
        try:
            write(path, file["content"], int(file["mode"], 8), owner.pw_uid, owner.pw_gid)
        except OSError as error:
            raise Refused(f"{path} can't be written: {error.strerror}") from None


def main() -> None:
    """Run the module. What it started is confirmed by the action plugin."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    commit = Commit(module)
    commit.ensure()
    result = commit.done.result()
    if os.path.exists(f"{DIRECTORY}/armed") and not module.check_mode:
        result["to_confirm"] = {"token": commit.token, "before": commit.host_keys, "after": host_keys()}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
