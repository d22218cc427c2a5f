"""Use a running Jupyter like a full room: 50 web sockets of a kernel and 1,000 requests at once.

usage: crowd.py URL   with the password in the environment variable PASSWORD. Prints how many there were, and what was
lost, as JSON.
"""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests
import websocket
from session import TIMEOUT, kernel, logged_in, open_socket, request

SOCKETS = 50
REQUESTS = 1000


def asked(opened: websocket.WebSocket, code: str) -> bool:
    """Whether the kernel answers this socket what it was asked through it."""
    number = request(opened, "is_complete_request", {"code": code})
    while True:
        answer = json.loads(opened.recv())
        if answer["msg_type"] == "is_complete_reply" and answer["parent_header"].get("msg_id") == number:
            return answer["content"]["status"] == "complete"


def talk(opened: websocket.WebSocket, number: int, done: threading.Event) -> int:
    """How many answers the socket had until all were done; -1 when one was lost."""
    turns = 0
    try:
        while True:
            last = done.is_set()
            if not asked(opened, f"{number} + {turns}"):
                return -1
            turns += 1
            if last:
                return turns
            done.wait(2)
    except (OSError, websocket.WebSocketException):
        return -1


def answered(session: requests.Session, url: str, number: int) -> bool:
    """Whether a request gets the answer of the server's API."""
    try:
        answer = session.get(f"{url}?number={number}", timeout=TIMEOUT)
        return answer.status_code == 200 and answer.json()["type"] == "directory"
    except requests.RequestException:
        return False


def main() -> None:
    base = sys.argv[1]
    session = logged_in(base, os.environ["PASSWORD"])
    done = threading.Event()
    with kernel(session, base) as url, ThreadPoolExecutor(SOCKETS) as talking, ThreadPoolExecutor(16) as asking:
        sockets = [open_socket(session, f"{url}/channels?session_id={number}") for number in range(SOCKETS)]
        turns = [talking.submit(talk, opened, number, done) for number, opened in enumerate(sockets)]
        try:
            contents = f"{base}api/contents"
            answers = list(asking.map(lambda number: answered(session, contents, number), range(REQUESTS)))
        finally:
            done.set()
        talks = [turn.result() for turn in turns]
    json.dump(
        {
            "requests": len(answers),
            "lost_requests": answers.count(False),
            "sockets": len(talks),
            "lost_sockets": talks.count(-1),
            "messages": sum(talks),
        },
        sys.stdout,
    )


main()
