"""Have a notebook want more memory than Jupyter may use, and see what becomes of the rest.

usage: greedy.py URL GIGABYTES   with the password in the environment variable PASSWORD. Prints as JSON what is told to
the greedy notebook, what another one still knows, and how the server answers.
"""

import json
import os
import sys

import websocket
from session import TIMEOUT, kernel, logged_in, open_socket, request


def printed(opened: websocket.WebSocket, code: str) -> str:
    """Return what the code prints; or what the kernel is doing when that is not to run it."""
    number = request(opened, "execute_request", {"code": code, "silent": False})
    output = ""
    while True:
        message = json.loads(opened.recv())
        state = message["content"].get("execution_state")
        if state in ("restarting", "dead"):
            return state
        if message["parent_header"].get("msg_id") == number:
            output += message["content"].get("text", "")
            if state == "idle":
                return output.strip()


def main() -> None:
    base, gigabytes = sys.argv[1:]
    session = logged_in(base, os.environ["PASSWORD"])
    with kernel(session, base) as modest_url, kernel(session, base) as greedy_url:
        modest = open_socket(session, f"{modest_url}/channels")
        greedy = open_socket(session, f"{greedy_url}/channels")
        printed(modest, "answer = 6 * 7")
        told = printed(greedy, f"print(len(b'1' * {gigabytes} * 2**30))")
        known = printed(modest, "print(answer)")
        listed = session.get(f"{base}api/contents", timeout=TIMEOUT).status_code
    json.dump({"greedy": told, "modest": known, "listed": listed}, sys.stdout)


main()
