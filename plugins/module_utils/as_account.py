# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A part of a module that runs as another account, so that nothing of that account's can lead root anywhere."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from typing import Any


class AccountError(Exception):
    """What went wrong in the other process, in words."""


def run_as(account: pwd.struct_passwd, work: Callable[[], Any]) -> Any:
    """What ``work`` returns, which must be JSON, after a child process has done it with the account's rights alone.

    Raises AccountError with what it raised. Open files and variables are handed down; what it changes in them is not
    handed back.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            if os.geteuid() != account.pw_uid:
                os.setgroups(os.getgrouplist(account.pw_name, account.pw_gid))
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            os.umask(0o022)
            os.chdir("/")
            answer = {"result": work()}
        except Exception as error:  # it is told to the parent, whatever it is
            answer = {"error": f"{type(error).__name__}: {error}"}
        with os.fdopen(writer, "w", encoding="utf-8") as pipe:
            json.dump(answer, pipe)
        # not exit(): the files that the parent had open are the parent's
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        raise AccountError(f"the process of {account.pw_name} was killed")
    answer = json.loads(text)
    if "error" in answer:
        raise AccountError(answer["error"])
    return answer["result"]
