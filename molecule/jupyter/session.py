"""A student's session with a running Jupyter."""

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
