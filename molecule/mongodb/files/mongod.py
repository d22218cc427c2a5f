#!/opt/secantusdb/bin/python
"""Stands in for mongod: SecantusDB, a server that speaks MongoDB's protocol, behind mongod's command line and file.

It honours what the file says of address, port, directory, log and authorization, refuses what it doesn't know, and
has, like mongod, an exception for the local host, unless a parameter forbids it: until there is a user, nobody need log
in. mongod's own exception is narrower: it lets one make the first user and nothing else.
"""

import argparse
import logging
import os
import pathlib
import signal
import socket
import sys
import threading

import yaml
from secantus import SecantusDBServer

KNOWN = {
    "net": {"bindIp", "port"},
    "storage": {"dbPath"},
    "systemLog": {"destination", "logAppend", "path"},
    "processManagement": {"timeZoneInfo"},
    "security": {"authorization"},
    "setParameter": {"enableLocalhostAuthBypass"},
}


class LocalSocket(socket.socket):
    """A Unix socket, whose addresses look as SecantusDB expects them."""

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        return super().accept()[0], self.getsockname()

    def getsockname(self) -> tuple[str, int]:
        return super().getsockname(), 0


class Server(SecantusDBServer):
    """Asks for a login as soon as there is somebody who can, or at once."""

    authorization = False
    bypass = True

    @property
    def require_auth(self) -> bool:
        return self.authorization and not (self.bypass and not self.storage.list_users(limit=1))

    @require_auth.setter
    def require_auth(self, value: bool) -> None:
        self.authorization = value

    def start(self) -> None:
        if not self.host.startswith("/"):
            super().start()
            return
        os.umask(0o077)
        self._socket = LocalSocket(socket.AF_UNIX)
        self._socket.bind(self.host)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve_forever, daemon=True)
        self._thread.start()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", "-f", required=True, type=pathlib.Path)
    parser.add_argument("--outputConfig", action="store_true")
    parser.add_argument("--bind_ip")
    parser.add_argument("--setParameter", action="append", default=[])
    arguments = parser.parse_args()
    text = arguments.config.read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    for section, options in config.items():
        for option in set(options) - KNOWN.get(section, set()):
            sys.exit(f"Unrecognized option: {section}.{option}")
    if arguments.outputConfig:
        print(text)
        return
    logging.basicConfig(filename=config["systemLog"]["path"], level=logging.INFO)
    # As the command line has them, all are texts
    given = dict(one.split("=", 1) for one in arguments.setParameter)
    parameters = {**config.get("setParameter", {}), **given}
    Server.bypass = str(parameters.get("enableLocalhostAuthBypass", True)).lower() == "true"
    server = Server(
        host=arguments.bind_ip or config["net"]["bindIp"],
        port=config["net"]["port"],
        storage_path=config["storage"]["dbPath"],
        replica_set_name=None,
        require_auth=config["security"]["authorization"] == "enabled",
        enable_test_commands=False,
        sync_on_commit=True,
    )
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    server.start()
    ended.wait()
    server.stop()


main()
