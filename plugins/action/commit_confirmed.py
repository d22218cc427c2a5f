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

from ansible_collections.ouseful.coursevm.plugins.plugin_utils.known_hosts import KnownHost

MODULE = "ouseful.coursevm.commit_confirmed"
GUARD = "/bin/sh /var/lib/coursevm/commit/guard"
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
        if problem:
            outcome = self._see_it_taken_back(began)
            if known:
                known.exchange(add=[], drop=new)
            done.update(failed=True, changed=False, msg=f"{self._what(done)} {problem} {outcome}")
            done.pop("diff", None)
        else:
            if known:
                known.exchange(add=[], drop=old)
            done["actions"] = [*done["actions"], "confirmed over a new connection"]
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
                    answer = self._low_level_execute_command(f"{GUARD} confirm {shlex.quote(token)}")
                except AnsibleConnectionFailure as error:
                    # The first says most: later ones may come after the host has taken the change back
                    problem = problem or str(error)
                    continue
                if answer["rc"] == 0:
                    return ""
                problem = problem or answer["stderr"] or answer["stdout"] or f"exit status {answer['rc']}"
                break
        return f"A new connection as {self._option('remote_user') or 'this user'} said: {problem.strip().rstrip('.')}."

    def _see_it_taken_back(self, began: float) -> str:
        """Take the change back over the old connection, else wait until the host does; what became of it, in words."""
        timeout = int(self._task.args.get("timeout") or TIMEOUT)
        with contextlib.suppress(AnsibleConnectionFailure):
            self._low_level_execute_command(f"systemctl start coursevm-commit.service || {GUARD} take-back")
        with self._new_connection():
            while True:
                try:
                    if self._low_level_execute_command("test ! -e /var/lib/coursevm/commit")["rc"] == 0:
                        return "The host has taken them back, and a new connection works again: nothing was changed."
                except AnsibleConnectionFailure:
                    pass
                if time.monotonic() - began > timeout + 60:
                    break
                time.sleep(1)
        return (
            f"The host should have taken them back after {timeout} seconds, but still there is no way in. "
            "It does so again at its next start; use its console."
        )

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
