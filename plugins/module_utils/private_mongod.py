# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MongoDB's server where only root and its own account can reach it, until it has its first user."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager


class PrivateMongodError(Exception):
    """The server doesn't run; says why."""


@contextmanager
def private_mongod(account: str, config: str, timeout: float) -> Iterator[str]:
    """Run mongod, for whose first user no login is needed, on a socket in a directory of the account's; its path.

    It has at most so many seconds to start, and ends with us, however we end. PrivateMongodError when it doesn't start.
    """
    entry = pwd.getpwnam(account)
    command = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups", "--pdeathsig=TERM"]
    command += ["mongod", "--config", config, "--setParameter", "enableLocalhostAuthBypass=true"]
    with (
        tempfile.TemporaryDirectory(prefix="coursevm-mongodb-", dir="/run") as directory,
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
    ):
        os.chown(directory, entry.pw_uid, entry.pw_gid)
        socket = os.path.join(directory, "mongod.sock")
        with subprocess.Popen([*command, "--bind_ip", socket], cwd="/", stdout=said, stderr=said) as process:
            try:
                if not appears(socket, process, timeout):
                    said.seek(0)
                    raise PrivateMongodError(
                        f"mongod doesn't run with {config}. It says, or its log does, why: {said.read().strip()}"
                    )
                yield socket
            finally:
                process.terminate()


def appears(path: str, process: subprocess.Popen, seconds: float) -> bool:
    """Wait for what the process makes; whether it does, before it ends and within so many seconds."""
    end = time.monotonic() + seconds
    while not os.path.exists(path):
        if process.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
