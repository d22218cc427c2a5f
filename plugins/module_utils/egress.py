# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Squid in the foreground, the SSH connections that lead to it, and what was asked for."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils.squid import Client, configuration

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_START = 20
UNPRIVILEGED = "nobody"
# A line of Squid's log as squid.py has it written: login, destination, result, error; nothing that a terminal obeys
LOGGED = re.compile(" ".join([r"([!-~]+)"] * 4))


class EgressError(Exception):
    """Why there is no egress, in words."""


def answer(result: str, error: str) -> str:
    """What Squid's result and error codes say about a request. A status would not do: it may be the server's own."""
    if result.startswith("TCP_DENIED"):
        return "refused"
    return "allowed" if error == "-" else "failed"


def is_running(process: int) -> bool:
    """Whether there is a process of that number that is no zombie."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def output(*command: str) -> str:
    """What a command prints; raises EgressError when it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise EgressError(f"{' '.join(command)}: {getattr(error, 'stderr', '') or error}") from None


def addresses() -> set[str]:
    """The addresses of this machine's interfaces."""
    interfaces = json.loads(output("ip", "-json", "address"))
    listed = [address for interface in interfaces for address in interface.get("addr_info", [])]
    return {address["local"] for address in listed if "local" in address}


class Egress:
    """The proxy, the connections that lead to it, and what was asked for."""

    def __init__(self, port: int, connections: list[str], tell: Callable[[str], None]) -> None:
        self.port = port
        self.connections = connections
        self.tell = tell
        self.directory = tempfile.mkdtemp(prefix="coursevm-egress-")
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.read = 0
        self.unfinished = ""
        self.is_over = False
        self.proxy: subprocess.Popen | None = None
        self.sessions: dict[str, subprocess.Popen] = {}

    def hold(self) -> None:
        """Have a session on each connection that lasts as long as this process."""
        for path in self.connections:
            # Without the socket, ssh would connect to a host of that name
            options = ["-o", f"ControlPath={path}", "-o", "ProxyCommand=false", "-o", "BatchMode=yes"]
            self.sessions[path] = subprocess.Popen(
                ["ssh", *options, "coursevm-egress", "cat"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def start(self, program: str, clients: list[Client], hashes: dict[str, str]) -> None:
        """Start the proxy, and wait until it serves. ``hashes`` are the clients' passwords as crypt(3) makes them."""
        squid = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if not squid:
            raise EgressError(f"squid: this machine has no {program}. Install Squid.")
        if self._is_served():
            raise EgressError(f"port: {self.port} of this machine is in use; choose another")
        built_with = re.search(r"--libexecdir=([^' ]+)", output(squid, "-v"))
        helpers = built_with.group(1) if built_with else "/usr/lib/squid"
        self._write("squid.conf", configuration(self.port, self.directory, helpers, addresses(), clients))
        self._write("passwords", "".join(f"{login}:{password}\n" for login, password in hashes.items()))
        self._write("requests", "")
        self._write("squid.log", "")
        # It ends with this process, also when this one is killed
        command = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED)
            for name in ("", *os.listdir(self.directory)):
                os.chown(os.path.join(self.directory, name), account.pw_uid, account.pw_gid)
            command += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        self.proxy = subprocess.Popen(
            [*command, squid, "-N", "-f", os.path.join(self.directory, "squid.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.directory,
        )
        self._wait_for_the_proxy(self.proxy)

    def _write(self, name: str, text: str) -> None:
        path = os.path.join(self.directory, name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)

    def _wait_for_the_proxy(self, proxy: subprocess.Popen) -> None:
        for _ in range(int(SECONDS_TO_START / SECONDS_BETWEEN_LOOKS)):
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if proxy.poll() is not None:
                break
            if self._is_served():
                return
        with open(os.path.join(self.directory, "squid.log"), encoding="utf-8", errors="replace") as log:
            said = [line for line in log if re.search("FATAL|ERROR|commBind", line)]
        raise EgressError(f"Squid doesn't start: {''.join(said[-3:]).strip()}")

    def _is_served(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def serve(self, minutes: int, while_running: int | None) -> None:
        """Serve until the time is over, or the process that asked for it has ended."""
        end = time.monotonic() + minutes * 60
        until = time.strftime("%H:%M", time.localtime(time.time() + minutes * 60))
        self.tell(f"Egress is open until {until}; Ctrl-C closes it.")
        lost: set[str] = set()
        while time.monotonic() < end:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            self._look()
            if while_running and not is_running(while_running):
                return
            if self.proxy and self.proxy.poll() is not None:
                raise EgressError("Squid has ended by itself.")
            for path, session in self.sessions.items():
                if session.poll() is not None and path not in lost:
                    lost.add(path)
                    self.tell(f"A connection is lost ({path}); {len(self.sessions) - len(lost)} are left.")
            if self.sessions and len(lost) == len(self.sessions):
                raise EgressError("Every connection is lost.")
        self.is_over = True

    def _look(self) -> None:
        """Read what was asked for since the last look."""
        with open(os.path.join(self.directory, "requests"), encoding="utf-8", errors="replace") as log:
            log.seek(self.read)
            *lines, self.unfinished = (self.unfinished + log.read()).split("\n")
            self.read = log.tell()
        for line in lines:
            # Anybody on a VM may write what he likes there: a line that can't be read must not end the egress of all
            if not (logged := LOGGED.fullmatch(line)):
                continue
            login, destination, result, error = logged.groups()
            if destination == "-:-":
                continue  # a connection that was closed before it asked for anything
            request = (login, destination, answer(result, error))
            # git asks without a login first, to be told to log in
            if request not in self.requests and login != "-":
                self.tell(f"{login}  {destination}  {request[2]}")
            self.requests[request] += 1

    def result(self) -> list[dict[str, Any]]:
        """What was asked for, the refused first."""
        order = ("refused", "failed", "allowed")
        return [
            {"login": login, "destination": destination, "answer": given, "count": count}
            for (login, destination, given), count in sorted(
                self.requests.items(), key=lambda item: (order.index(item[0][2]), item[0])
            )
        ]

    def stop(self) -> None:
        """End the proxy and the sessions, and remove what they used.

        Before the time is over, nobody may be left to close the connections, and who has one open would keep them so.
        """
        if not self.is_over:
            for path in self.sessions:
                command = ["ssh", "-O", "exit", "-o", f"ControlPath={path}", "coursevm-egress"]
                subprocess.run(command, capture_output=True, check=False)
        for process in (self.proxy, *self.sessions.values()):
            if process:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
