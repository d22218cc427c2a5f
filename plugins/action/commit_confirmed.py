# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Confirms a change over a new connection, or sees that it is taken back; documented in the module of the same name."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.ouseful.coursevm.plugins.module_utils.take_back import (
    DIRECTORY,
    confirm_command,
    outcome_command,
    take_back_command,
)
from ansible_collections.ouseful.coursevm.plugins.plugin_utils.known_hosts import KnownHost

MODULE = "ouseful.coursevm.commit_confirmed"
TIMEOUT = 120
ATTEMPTS = 3  # the SSH service may just be reading its new settings
# In front of the operator's own arguments, because SSH takes the first value that it meets. What the present connection
# forwards (the role ssh_tunnel's port) is taken already.
NEW_CONNECTION = "-o ControlMaster=no -o ControlPath=none -o ClearAllForwardings=yes"


class ActionModule(ActionBase):
    """Runs the module, and only when it has changed something a command over a new connection."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        done = self._execute_module(module_name=MODULE, task_vars=task_vars)
        to_confirm = done.pop("to_confirm", None)
        if not to_confirm:
            return {**result, **done}
        began = time.monotonic()
        if self._is_ssh():
            self._connection.set_option("use_tty", False)  # nothing asks back, and output stays apart from errors
        new = [key for key in to_confirm["after"] if key not in to_confirm["before"]]
        old = [key for key in to_confirm["before"] if key not in to_confirm["after"]]
        known = self._known_host() if new else None
        if known:
            known.exchange(add=new, drop=[])
        problem = self._confirm(to_confirm["token"])
        outcome = self._outcome(to_confirm["token"], began) if problem else "confirmed"
        if known:
            # As long as it is not known what became of the change, the host may have either
            known.exchange(add=[], drop={"confirmed": old, "taken back": new}.get(outcome, []))
        if outcome == "confirmed":
            done["actions"] = [*done["actions"], "confirmed over a new connection"]
            return {**result, **done}
        done.update(failed=True, msg=f"{self._what(done)} {problem} {self._told(outcome)}")
        if outcome == "taken back":
            done["changed"] = False
            done.pop("diff", None)
        return {**result, **done}

    @staticmethod
    def _what(done: dict[str, t.Any]) -> str:
        return f"After these changes there was no way in for the operator: {', '.join(done['actions'])}."

    def _confirm(self, token: str) -> str:
        """What keeps the operator from confirming the change; nothing when it is confirmed."""
        problem = ""
        with self._new_connection():
            for attempt in range(ATTEMPTS):
                if attempt:
                    time.sleep(1)
                try:
                    answer = self._low_level_execute_command(confirm_command(token, DIRECTORY))
                except AnsibleConnectionFailure as error:
                    # The first says most: later ones may come after the host has taken the change back
                    problem = problem or str(error)
                    continue
                if answer["rc"] == 0:
                    return ""
                problem = problem or answer["stderr"] or answer["stdout"] or f"exit status {answer['rc']}"
                break
        return f"A new connection as {self._option('remote_user') or 'this user'} said: {problem.strip().rstrip('.')}."

    def _outcome(self, token: str, began: float) -> str:
        """What became of the change: ``confirmed``, ``taken back``, or nothing when there is no way in to ask the host.

        It is taken back over the old connection, else by the host itself, unless the host has got the confirmation.
        """
        with contextlib.suppress(AnsibleConnectionFailure):
            self._low_level_execute_command(take_back_command(DIRECTORY))
        with self._new_connection():
            while True:
                with contextlib.suppress(AnsibleConnectionFailure):
                    answer = self._low_level_execute_command(outcome_command(token, DIRECTORY))
                    if answer["rc"] == 0:
                        return answer["stdout"].strip()
                if time.monotonic() - began > self._timeout() + 60:
                    return ""
                time.sleep(1)

    def _told(self, outcome: str) -> str:
        if outcome == "taken back":
            return "The host has taken them back, and a new connection works again: nothing was changed."
        return (
            f"The host should have taken them back after {self._timeout()} seconds, unless it got the confirmation, "
            "but still there is no way in to ask it. What is not confirmed it takes back at its next start, too; "
            "use its console."
        )

    def _timeout(self) -> int:
        return int(self._task.args.get("timeout") or TIMEOUT)

    @contextlib.contextmanager
    def _new_connection(self) -> t.Iterator[None]:
        """Commands get a connection of their own instead of sharing the open one. Others than SSH share none."""
        if not self._is_ssh():
            yield
            return
        arguments = self._option("ssh_args")
        self._connection.set_option("ssh_args", f"{NEW_CONNECTION} {arguments or ''}")
        try:
            yield
        finally:
            self._connection.set_option("ssh_args", arguments)

    def _known_host(self) -> KnownHost | None:
        """Where the SSH client keeps this host's keys."""
        if not self._is_ssh():
            return None
        command = [self._option("ssh_executable"), "-G"]
        for name in ("ssh_args", "ssh_common_args", "ssh_extra_args"):
            command += shlex.split(self._option(name) or "")
        if self._option("port"):
            command += ["-p", str(self._option("port"))]
        asked = subprocess.run([*command, self._option("host")], capture_output=True, text=True, check=True)
        return KnownHost.from_configuration(asked.stdout)

    def _is_ssh(self) -> bool:
        return self._connection.transport == "ssh"

    def _option(self, name: str) -> t.Any:
        return self._connection.get_option(name) if self._is_ssh() else None
