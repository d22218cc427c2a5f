"""Do what takes more than a request: web sockets, many requests at once, a large upload. Prints what happened as JSON.

usage: visitor.py socket URL          one web socket, from the same origin and from another
       visitor.py upload URL          200 MB, and the announcement of more than is allowed
       visitor.py silence URL         a request and a web socket that are silent for longer than nginx waits by itself
       visitor.py crowd URL STARTED RELOADED
           50 web sockets and 1,000 requests at once. The file STARTED is made when all sockets are open; it goes on at
           least until there is a file RELOADED.
"""

import hashlib
import http.client
import json
import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.parse import urlsplit

import websocket

TIMEOUT = 120
SILENCE = 65
SOCKETS = 50
REQUESTS = 1000
BLOCK = bytes(range(256)) * 4096
BLOCKS = 200
TOO_MUCH = 600 * 2**20


def connect(url: str, path: str, **options: str) -> websocket.WebSocket:
    return websocket.create_connection(url.replace("http", "ws", 1) + path, timeout=TIMEOUT, **options)


def socket(url: str) -> dict:
    """What the service receives with a web socket; and the status with which one from elsewhere is refused."""
    opened = connect(url, "any/path/at/all", host="course.example:8080", origin="http://course.example:8080")
    received = json.loads(opened.recv())
    opened.close()
    try:
        connect(url, "any/path/at/all", origin="http://elsewhere.example").close()
        elsewhere = 101
    except websocket.WebSocketBadStatusException as refused:
        elsewhere = refused.status_code
    return {"headers": received["headers"], "from_elsewhere": elsewhere}


def answered(url: str, number: int, what: str = "api/contents") -> bool:
    """Whether a request gets the answer that belongs to it."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
    path = f"{parts.path}{what}?number={number}"
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status == 200 and json.loads(answer.read())["path"] == path
    except OSError:
        return False
    finally:
        connection.close()


def talk(opened: websocket.WebSocket, number: int, until: pathlib.Path) -> int:
    """How often the socket repeated what it was told; -1 when it once did not."""
    for turn in count(1):
        last = until.exists()
        message = f"{number} {turn} {'x' * 1000}"
        try:
            opened.send(message)
            if opened.recv() != message:
                return -1
        except (OSError, websocket.WebSocketException):
            return -1
        if last:
            return turn
        time.sleep(0.5)
    raise AssertionError


def crowd(url: str, started: str, reloaded: str) -> dict:
    done = pathlib.Path(reloaded).with_name("done")
    with ThreadPoolExecutor(SOCKETS) as talking, ThreadPoolExecutor(16) as asking:
        sockets = [connect(url, f"api/kernels/{number}/channels") for number in range(SOCKETS)]
        for opened in sockets:
            opened.recv()
        turns = [talking.submit(talk, opened, number, done) for number, opened in enumerate(sockets)]
        pathlib.Path(started).touch()
        requests = [True]
        deadline = time.monotonic() + TIMEOUT
        asked = 0
        while asked < REQUESTS or (not pathlib.Path(reloaded).exists() and time.monotonic() < deadline):
            requests += asking.map(answered, [url] * 100, range(asked, asked + 100))
            asked += 100
        done.touch()
        results = [turn.result() for turn in turns]
    return {
        "requests": asked,
        "lost_requests": requests.count(False),
        "sockets": len(results),
        "lost_sockets": results.count(-1),
        "messages": sum(results),
    }


def silence(url: str) -> dict:
    with ThreadPoolExecutor() as pool:
        request = pool.submit(answered, url, SILENCE, "slow")
        opened = connect(url, "terminals/websocket/1")
        opened.recv()
        time.sleep(SILENCE)
        opened.send("still there?")
        return {"request": request.result(), "socket": opened.recv() == "still there?"}


def upload(url: str) -> dict:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
    length = {"Content-Length": str(len(BLOCK) * BLOCKS)}
    connection.request("PUT", f"{parts.path}upload", (BLOCK for _ in range(BLOCKS)), length)
    taken = json.loads(connection.getresponse().read())
    connection.putrequest("PUT", f"{parts.path}upload")
    connection.putheader("Content-Length", str(TOO_MUCH))
    connection.endheaders()
    refused = connection.getresponse().status
    return {
        "sent": len(BLOCK) * BLOCKS,
        "taken": taken["length"],
        "same": taken["sha256"] == hashlib.sha256(BLOCK * BLOCKS).hexdigest(),
        "too_much": refused,
    }


WAYS = {"socket": socket, "upload": upload, "silence": silence, "crowd": crowd}
json.dump(WAYS[sys.argv[1]](*sys.argv[2:]), sys.stdout)
