"""Come to a running Jupyter from pages of other sites, with a student's session and with the token.

usage: origins.py URL ALLOWED   with PASSWORD and TOKEN in the environment; ALLOWED is an origin that is let in.
Prints, for that origin and for another one, what its pages get, as JSON.
"""

import json
import os
import sys

import requests
import websocket
from session import TIMEOUT, logged_in, open_socket

OTHER = "http://elsewhere.example"


def with_session(session: requests.Session, base: str, origin: str) -> dict:
    """Return what a page gets that has the student's session: starting a kernel, and that kernel's web socket."""
    started = session.post(f"{base}api/kernels", json={}, headers={"Origin": origin}, timeout=TIMEOUT)
    kernel = session.post(f"{base}api/kernels", json={}, timeout=TIMEOUT).json()["id"]
    try:
        open_socket(session, f"{base}api/kernels/{kernel}/channels", origin).close()
        socket = 101
    except websocket.WebSocketBadStatusException as refused:
        socket = refused.status_code
    for number in {kernel, started.json().get("id")} - {None}:
        session.delete(f"{base}api/kernels/{number}", timeout=TIMEOUT)
    return {"kernel": started.status_code, "socket": socket}


def with_token(base: str, token: str, origin: str) -> dict:
    """Return what a page gets that has the token alone: the answer, and whether a browser shows it to the page."""
    headers = {"Authorization": f"token {token}", "Origin": origin}
    started = requests.post(f"{base}api/kernels", json={}, headers=headers, timeout=TIMEOUT)
    if started.status_code == requests.codes.created:
        requests.delete(f"{base}api/kernels/{started.json()['id']}", headers=headers, timeout=TIMEOUT)
    return {"kernel": started.status_code, "readable": started.headers.get("Access-Control-Allow-Origin") == origin}


def main() -> None:
    base, allowed = sys.argv[1:]
    session = logged_in(base, os.environ["PASSWORD"])
    token = os.environ["TOKEN"]
    json.dump(
        {
            name: {
                "session": with_session(session, base, origin),
                "token": with_token(base, token, origin),
                "wrong_token": with_token(base, token[::-1], origin),
            }
            for name, origin in {"allowed": allowed, "other": OTHER}.items()
        },
        sys.stdout,
    )


main()
