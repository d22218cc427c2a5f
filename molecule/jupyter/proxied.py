"""Use nbdime's pages and a web socket behind the login of a running Jupyter, and try what must not be reachable there.

usage: proxied.py URL   with the password in the environment variable PASSWORD. Prints what happened as JSON.
"""

import json
import os
import sys
from urllib.parse import urljoin

import requests
import websocket
from session import TIMEOUT, logged_in, open_socket

NAMES = {"base": "old.ipynb", "remote": "new.ipynb"}


def notebook(*sources: str) -> dict:
    """Return a notebook with these cells."""
    cells = [
        {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": source}
        for number, source in enumerate(sources)
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def compared(session: requests.Session, base: str) -> dict:
    """Return the status of nbdime's page and of its script, and the sources that it finds added to a notebook."""
    for name, content in {"old": notebook("x = 1"), "new": notebook("x = 1", "x + 41")}.items():
        document = {"type": "notebook", "format": "json", "content": content}
        session.put(f"{base}api/contents/{name}.ipynb", json=document, timeout=TIMEOUT).raise_for_status()
    page = session.get(f"{base}proxy/8899/diff", params=NAMES, timeout=2 * TIMEOUT)
    script = page.text.split('src="', 1)[-1].split('"', 1)[0]
    answer = session.post(f"{base}proxy/8899/api/diff", json=NAMES, timeout=TIMEOUT)
    answer.raise_for_status()
    operations = [operation for change in answer.json()["diff"] for operation in change["diff"]]
    return {
        "page": page.status_code,
        "script": session.get(urljoin(page.url, script), timeout=TIMEOUT).status_code,
        "added": [cell["source"] for operation in operations for cell in operation.get("valuelist", [])],
    }


def repeated(session: requests.Session, base: str) -> str | int:
    """Return what the service echo repeats on a web socket; or the status with which that is refused."""
    try:
        socket = open_socket(session, f"{base}echo/at/any/path")
    except websocket.WebSocketBadStatusException as refused:
        return refused.status_code
    socket.send("hello")
    answer = socket.recv()
    socket.close()
    return answer


def main() -> None:
    base = sys.argv[1]
    session = logged_in(base, os.environ["PASSWORD"])
    another_host = session.get(f"{base}proxy/169.254.169.254:80/", timeout=TIMEOUT).status_code
    sockets = {"socket": repeated(session, base), "socket_of_a_stranger": repeated(requests.Session(), base)}
    json.dump({**compared(session, base), **sockets, "another_host": another_host}, sys.stdout)


main()
