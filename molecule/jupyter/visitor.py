"""Do in a running Jupyter what the probe module does not: save much, use a terminal, come from elsewhere.

usage: visitor.py URL   with the password in the environment variable PASSWORD. Prints what happened as JSON.
"""

import json
import os
import sys

import requests
import websocket
from session import TIMEOUT, logged_in, open_socket


def saved(session: requests.Session, base: str) -> int:
    """Return the status of saving a notebook of 3 MB."""
    cell = {"cell_type": "markdown", "id": "big", "metadata": {}, "source": "x" * 3_000_000}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    document = {"type": "notebook", "format": "json", "content": notebook}
    return session.put(f"{base}api/contents/big.ipynb", json=document, timeout=TIMEOUT).status_code


def terminal(session: requests.Session, base: str, origin: str | None = None) -> str:
    """Return what a terminal answers to a sum; or the status with which its web socket is refused."""
    name = session.post(f"{base}api/terminals", timeout=TIMEOUT).json()["name"]
    try:
        socket = open_socket(session, f"{base}terminals/websocket/{name}", origin)
    except websocket.WebSocketBadStatusException as refused:
        return str(refused.status_code)
    try:
        socket.send(json.dumps(["stdin", "echo =$((6*7))= $(id -un)\r"]))
        output = ""
        while "=42=" not in output:
            kind, *data = json.loads(socket.recv())
            output += data[0] if kind == "stdout" else ""
        return output.split("=42=")[1].split()[0]
    finally:
        socket.close()
        session.delete(f"{base}api/terminals/{name}", timeout=TIMEOUT)


def main() -> None:
    base = sys.argv[1]
    session = logged_in(base, os.environ["PASSWORD"])
    json.dump(
        {
            "saved": saved(session, base),
            "terminal_of": terminal(session, base),
            "terminal_from_elsewhere": terminal(session, base, origin="http://elsewhere.example"),
            "cookies": {cookie.name: cookie.value for cookie in session.cookies},
        },
        sys.stdout,
    )


main()
