#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""End an SSH connection, with all that it carries, when the Ansible that made it has ended for whatever reason.

usage: watch.py WORKER CONTROL_PATH

Runs on the control machine. WORKER is the number of any process that this Ansible has started itself. Prints the number
of the process that watches; whoever ends the connection before ends that one, too.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

# A task outlives an Ansible that is killed, and may connect once more: for its next item, or to try again
SECONDS_WITHOUT_A_CONNECTION = 10


def parent(process: int) -> int:
    """Return the number of a process's parent."""
    with open(f"/proc/{process}/status", encoding="utf-8", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("PPid:"))


def end(control_path: str) -> None:
    """End the connection, and those that come in its place."""
    exit_command = ["ssh", "-O", "exit", "-o", f"ControlPath={control_path}", "coursevm-tunnel"]
    last = time.monotonic()
    while time.monotonic() < last + SECONDS_WITHOUT_A_CONNECTION:
        # It fails for a socket without a process behind it, which is no connection
        if os.path.exists(control_path) and subprocess.run(exit_command, check=False).returncode == 0:
            last = time.monotonic()
        time.sleep(0.5)


def main() -> None:
    """Leave a process behind that waits."""
    worker, control_path = sys.argv[1:]
    ansible = os.pidfd_open(parent(int(worker)))
    watcher = os.fork()
    if watcher:
        print(watcher)
        return
    os.setsid()  # out of reach of the terminal's Ctrl-C
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    select.select([ansible], [], [])
    end(control_path)


if __name__ == "__main__":
    main()
