#!/opt/secantusdb/bin/python
"""Stands in for mongod: SecantusDB, a server that speaks MongoDB's protocol, behind mongod's command line and file.

It honours what the file says of address, port, directory, log and authorization, refuses what it doesn't know, and
has, like mongod, an exception for the local host: until there is a user, nobody need log in. mongod's own exception is
narrower: it lets one make the first user and nothing else.
"""

import argparse
import logging
import pathlib
import signal
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
}


class Server(SecantusDBServer):
    """Asks for a login as soon as there is somebody who can."""

    authorization = False

    @property
    def require_auth(self) -> bool:
        return self.authorization and bool(self.storage.list_users(limit=1))

    @require_auth.setter
    def require_auth(self, value: bool) -> None:
        self.authorization = value


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", "-f", required=True, type=pathlib.Path)
    parser.add_argument("--outputConfig", action="store_true")
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
    server = Server(
        host=config["net"]["bindIp"],
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
