"""A student's session with a running Jupyter."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import websocket

TIMEOUT = 60


def logged_in(base: str, password: str) -> requests.Session:
    """Return a session with its cookies; raises HTTPError when the login is refused."""
    session = requests.Session()
    session.get(f"{base}login", timeout=TIMEOUT).raise_for_status()
    session.headers["X-XSRFToken"] = session.cookies["_xsrf"]
    form = {"password": password, "_xsrf": session.cookies["_xsrf"]}
    session.post(f"{base}login", data=form, timeout=TIMEOUT).raise_for_status()
    session.headers["X-XSRFToken"] = session.cookies["_xsrf"]  # it belongs to the user, and so is new
    return session


def open_socket(session: requests.Session, url: str, origin: str | None = None) -> websocket.WebSocket:
    """Return a web socket of the session; raises WebSocketBadStatusException when it is refused."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
    return websocket.create_connection(url.replace("http", "ws", 1), cookie=cookies, timeout=TIMEOUT, origin=origin)


@contextmanager
def kernel(session: requests.Session, base: str) -> Iterator[str]:
    """Give the URL of a new kernel, which ends with the block."""
    started = session.post(f"{base}api/kernels", timeout=TIMEOUT)
    started.raise_for_status()
    url = f"{base}api/kernels/{started.json()['id']}"
    try:
        yield url
    finally:
        session.delete(url, timeout=TIMEOUT)


def request(opened: websocket.WebSocket, kind: str, content: dict) -> str:
    """Ask a kernel, as of Jupyter's messaging protocol 5; return the id that its answers have as their parent's."""
    number = uuid.uuid4().hex
    header = {"msg_id": number, "msg_type": kind, "session": number, "username": "", "version": "5.3"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    opened.send(json.dumps(message))
    return number


def in_terminal(session: requests.Session, base: str, command: str, origin: str | None = None) -> str:
    """Return what a command prints in a new terminal; raises WebSocketBadStatusException when that is refused."""
    name = session.post(f"{base}api/terminals", timeout=TIMEOUT).json()["name"]
    try:
        socket = open_socket(session, f"{base}terminals/websocket/{name}", origin)
        # The terminal repeats what is typed, but not what the shell makes of it
        socket.send(json.dumps(["stdin", f"echo =$((6*6))=; {command}; echo =$((6*7))=\r"]))
        output = ""
        while "=42=" not in output:
            kind, *data = json.loads(socket.recv())
            output += data[0] if kind == "stdout" else ""
        socket.close()
        return output.split("=36=")[1].split("=42=")[0].strip()
    finally:
        session.delete(f"{base}api/terminals/{name}", timeout=TIMEOUT)
