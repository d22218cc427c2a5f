"""Do in a running Jupyter what the probe module does not: save much, use a terminal, come from elsewhere.

usage: visitor.py URL   with the password in the environment variable PASSWORD. Prints what happened as JSON.
"""

import json
import os
import sys

import requests
import websocket
from session import TIMEOUT, in_terminal, logged_in


def saved(session: requests.Session, base: str) -> int:
    """Return the status of saving a notebook of 3 MB."""
    cell = {"cell_type": "markdown", "id": "big", "metadata": {}, "source": "x" * 3_000_000}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    document = {"type": "notebook", "format": "json", "content": notebook}
    return session.put(f"{base}api/contents/big.ipynb", json=document, timeout=TIMEOUT).status_code


def user_of_terminal(session: requests.Session, base: str, origin: str | None = None) -> str:
    """Return whose a terminal is; or the status with which its web socket is refused."""
    try:
        return in_terminal(session, base, "id -un", origin)
    except websocket.WebSocketBadStatusException as refused:
        return str(refused.status_code)


def main() -> None:
    base = sys.argv[1]
    session = logged_in(base, os.environ["PASSWORD"])
    json.dump(
        {
            "saved": saved(session, base),
            "terminal_of": user_of_terminal(session, base),
            "terminal_from_elsewhere": user_of_terminal(session, base, origin="http://elsewhere.example"),
            "cookies": {cookie.name: cookie.value for cookie in session.cookies},
        },
        sys.stdout,
    )


main()
