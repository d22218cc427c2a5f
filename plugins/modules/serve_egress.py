#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An HTTP proxy with an allow-list on the control machine, in the foreground."""

from __future__ import annotations

DOCUMENTATION = r"""
module: serve_egress
short_description: Serves an HTTP proxy with an allow-list for each client, for as long as it is told
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Runs Squid on this machine's loopback address for O(minutes), and ends with it. Hosts reach it through SSH
    connections that lead to O(port), such as those of the role C(ssh_tunnel).
  - A client names itself by a login and a password and reaches what is listed for it, and nothing else.
  - Nobody reaches this machine itself. That counts for the addresses of its interfaces, for loopback and link-local
    ones, and for every name that resolves to one of them when the request is made.
  - Shows who asked for what, and whether it was refused, when it is asked for first.
  - Ends, too, when the Ansible that started it has ended for whatever reason.
requirements:
  - Squid with its helper basic_ncsa_auth
  - ip (iproute2), setpriv (util-linux)
  - passlib
options:
  port:
    description: TCP port of the loopback address.
    type: int
    required: true
  minutes:
    description: How long.
    type: int
    required: true
  clients:
    description: Who may use it.
    type: list
    elements: dict
    required: true
    suboptions:
      login:
        description: Name, unique. Letters, digits, dots, V(_) and V(-).
        type: str
        required: true
      password:
        description: Password.
        type: str
        required: true
      destinations:
        description: What is allowed, each C(host:port), or C(.domain:port) for a domain and all that is below it.
        type: list
        elements: str
        required: true
  connections:
    description: Control sockets of the SSH connections. They are kept from closing by themselves meanwhile.
    type: list
    elements: path
    default: []
  squid:
    description: The program.
    type: str
    default: squid
  while_running:
    description: Number of a process. When it ends, so do the proxy and the connections. Ansible itself when not given.
    type: int
  progress_file:
    description: File to which a line is written for everything that is asked for. Shown as it grows when not given.
    type: path
attributes:
  check_mode:
    description: Checks the options and serves nothing.
    support: full
"""

EXAMPLES = r"""
- name: Let Ada's notebooks reach the data until the class ends
  ouseful.coursevm.serve_egress:
    port: 3129
    minutes: 120
    clients:
      - login: ada
        password: "{{ secret }}"
        destinations: [data.example.org:443, .example.net:443]
  delegate_to: localhost
"""

RETURN = r"""
requests:
  description: What was asked for, the refused first.
  returned: always
  type: list
  elements: dict
  contains:
    login:
      description: Who asked, or claimed to; V(-) for a request without a login, as git makes first.
      type: str
    destination:
      description: What for.
      type: str
    answer:
      description: V(allowed), V(refused), or V(failed) when it was allowed but could not be reached.
      type: str
    count:
      description: How often.
      type: int
  sample:
    - {login: ada, destination: "data.example.org:443", answer: allowed, count: 12}
"""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import traceback
from collections import Counter
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from passlib.hash import sha512_crypt

    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

from ansible_collections.ouseful.coursevm.plugins.module_utils.squid import Client, configuration, mistakes

ARGUMENTS = {
    "port": {"type": "int", "required": True},
    "minutes": {"type": "int", "required": True},
    "clients": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "login": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "destinations": {"type": "list", "elements": "str", "required": True},
        },
    },
    "connections": {"type": "list", "elements": "path", "default": []},
    "squid": {"type": "str", "default": "squid"},
    "while_running": {"type": "int"},
    "progress_file": {"type": "path"},
}
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_START = 20
UNPRIVILEGED = "nobody"


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


class Egress:
    """The proxy, the connections that lead to it, and what was asked for."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.directory = tempfile.mkdtemp(prefix="coursevm-egress-")
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.read = 0
        self.is_over = False
        self.unfinished = ""
        self.proxy: subprocess.Popen | None = None
        self.sessions: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        """Start the proxy, and wait until it serves."""
        squid = shutil.which(
            self.module.params["squid"], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
        )
        if not squid:
            self.module.fail_json(msg=f"squid: this machine has no {self.module.params['squid']}. Install Squid.")
        given = self.module.params["clients"]
        clients = [Client(one["login"], tuple(one["destinations"])) for one in given]
        # The passwords are long and drawn at random: the work that slows down guessing would only slow down the class
        hashes = [f"{one['login']}:{sha512_crypt.using(rounds=1000).hash(one['password'])}\n" for one in given]
        port, helpers = self.module.params["port"], self._helpers(squid)
        self._write("squid.conf", configuration(port, self.directory, helpers, self._addresses(), clients))
        self._write("passwords", "".join(hashes))
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
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
        )
        self._wait_for_the_proxy(self.proxy)

    def _helpers(self, squid: str) -> str:
        """The directory of Squid's helper programs, as it was built with."""
        _, said, _ = self.module.run_command([squid, "-v"], check_rc=True)
        found = re.search(r"--libexecdir=([^' ]+)", said)
        return found.group(1) if found else "/usr/lib/squid"

    def _addresses(self) -> set[str]:
        """The addresses of this machine's interfaces."""
        _, interfaces, _ = self.module.run_command(["ip", "-json", "address"], check_rc=True)
        listed = [address for interface in json.loads(interfaces) for address in interface.get("addr_info", [])]
        return {address["local"] for address in listed if "local" in address}

    def _write(self, name: str, text: str) -> None:
        path = os.path.join(self.directory, name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)

    def _wait_for_the_proxy(self, proxy: subprocess.Popen) -> None:
        port = self.module.params["port"]
        for _ in range(int(SECONDS_TO_START / SECONDS_BETWEEN_LOOKS)):
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if proxy.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
        with open(os.path.join(self.directory, "squid.log"), encoding="utf-8", errors="replace") as log:
            said = [line for line in log if "FATAL" in line or "ERROR" in line or "commBind" in line]
        proxy.kill()
        said += [line for line in (proxy.stderr or []) if "FATAL" in line or "ERROR" in line]
        self.module.fail_json(
            msg=f"port: Squid doesn't serve at port {port} of this machine; is it in use? {' '.join(said[-3:]).strip()}"
        )

    def hold(self) -> None:
        """Have a session on each connection that lasts as long as this process."""
        for path in self.module.params["connections"]:
            # Without the socket, ssh would connect to a host of that name
            options = ["-o", f"ControlPath={path}", "-o", "ProxyCommand=false", "-o", "BatchMode=yes"]
            self.sessions[path] = subprocess.Popen(
                ["ssh", *options, "coursevm-egress", "cat"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def serve(self) -> None:
        """Serve until the time is over, or whoever asked for it has ended."""
        parameters = self.module.params
        end = time.monotonic() + parameters["minutes"] * 60
        until = time.strftime("%H:%M", time.localtime(time.time() + parameters["minutes"] * 60))
        self._say(f"Egress is open until {until}; Ctrl-C closes it.")
        lost: set[str] = set()
        while time.monotonic() < end:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            self._look()
            if parameters["while_running"] and not is_running(parameters["while_running"]):
                return
            if self.proxy and self.proxy.poll() is not None:
                self.module.fail_json(msg="Squid has ended by itself.", requests=self.result())
            for path, session in self.sessions.items():
                if session.poll() is not None and path not in lost:
                    lost.add(path)
                    self._say(f"A connection is lost ({path}); {len(self.sessions) - len(lost)} are left.")
            if self.sessions and len(lost) == len(self.sessions):
                self.module.fail_json(msg="Every connection is lost.", requests=self.result())
        self.is_over = True

    def _look(self) -> None:
        """Read what was asked for since the last look."""
        with open(os.path.join(self.directory, "requests"), encoding="utf-8", errors="replace") as log:
            log.seek(self.read)
            *lines, self.unfinished = (self.unfinished + log.read()).split("\n")
            self.read = log.tell()
        for line in lines:
            login, destination, result, error = line.split(" ")
            if destination == "-:-":
                continue  # a connection that was closed before it asked for anything
            request = (login, destination, answer(result, error))
            # git asks without a login first, to be told to log in
            if request not in self.requests and login != "-":
                self._say(f"{login}  {destination}  {request[2]}")
            self.requests[request] += 1

    def _say(self, words: str) -> None:
        if self.module.params["progress_file"]:
            with open(self.module.params["progress_file"], "a", encoding="utf-8") as file:
                file.write(f"{words}\n")

    def _end_connections(self) -> None:
        for path in self.sessions:
            subprocess.run(
                ["ssh", "-O", "exit", "-o", f"ControlPath={path}", "coursevm-egress"], capture_output=True, check=False
            )

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
            self._end_connections()
        if self.proxy:
            self.proxy.kill()
            self.proxy.wait()
        for session in self.sessions.values():
            session.kill()
            session.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("passlib"), exception=IMPORT_ERROR)
    wrong = mistakes(Client(one["login"], tuple(one["destinations"])) for one in module.params["clients"])
    if wrong:
        module.fail_json(msg="clients: " + "; ".join(wrong))
    if module.check_mode:
        module.exit_json(changed=False, requests=[])
    signal.signal(signal.SIGTERM, lambda *_: module.fail_json(msg="Ended by a signal."))
    egress = Egress(module)
    try:
        egress.hold()
        egress.start()
        egress.serve()
    finally:
        egress.stop()
    module.exit_json(changed=False, requests=egress.result())


if __name__ == "__main__":
    main()
