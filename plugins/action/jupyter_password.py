# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares a password with the hash on the host; documented in the module of the same name, which does the rest."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase

try:
    from passlib.hash import argon2
except ImportError:
    argon2 = None

PREFIX = "argon2:"  # Jupyter names the method in front of the hash
# Passes, KiB and threads: as Jupyter has them (jupyter_server.auth.security)
COST = {"rounds": 10, "memory_cost": 10240, "parallelism": 8}
MODULE = "ouseful.coursevm.jupyter_password"


def make_hash(password: str) -> str:
    """Return a fresh hash in Jupyter's notation, as costly as those that Jupyter makes itself."""
    return PREFIX + argon2.using(type="ID", **COST).hash(password)


def fits(password: str, hashed_password: str) -> bool:
    """Tell whether the hash is an argon2 hash of the password. Any other hash does not fit, nor does a damaged one.

    Nor does one that costs more than Jupyter's: the student may write the file, and the operator's machine computes.
    """
    if not hashed_password.startswith(PREFIX):
        return False
    bare = hashed_password.removeprefix(PREFIX)
    try:
        found = argon2.from_string(bare)
        return all(getattr(found, name) <= most for name, most in COST.items()) and argon2.verify(password, bare)
    except ValueError:
        return False


class ActionModule(ActionBase):
    """Runs the module on the host once; twice when the password changes."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        password = arguments.pop("password", None)
        if bool(password) == bool(arguments.get("hashed_password")):
            raise AnsibleActionFail("password: give either a password that is not empty, or hashed_password")
        if argon2 is None:
            raise AnsibleActionFail(missing_required_lib("libpass", reason="on the control machine"))

        # Without a hash, the module keeps the one that is there, and tells it
        found, present = self._execute(arguments, task_vars)
        password_changed = False
        if not found.get("failed") and not found.get("told"):
            if password and not fits(str(password), present):
                arguments["hashed_password"] = make_hash(str(password))
                before = found.get("diff", {}).get("before", "")
                found, _ = self._execute(arguments, task_vars)
                if before:
                    found.get("diff", {})["before"] = before
            password_changed = arguments.get("hashed_password", present) != present
        return {**result, **found, "password_changed": password_changed}

    def _execute(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> tuple[dict[str, t.Any], str]:
        """Run the module; its result, and the hash that it found."""
        # The hash is in what the connection gets, which that of SSH shows with -vvv
        context = self._connection._play_context
        censored, context.no_log = context.no_log, True
        try:
            found = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        finally:
            context.no_log = censored
        return found, found.pop("present", "")
