"""Takes as much as it gets of what it is asked for, as greedy.py PORT: /memory?MEGABYTES, /tasks, /cpu, /page?URL."""

from __future__ import annotations

import http.server
import sys
import threading
import time
import urllib.request


def memory(megabytes: str) -> str:
    return f"{len(bytearray(int(megabytes) << 20)) >> 20} MB"


def tasks(_: str) -> str:
    """How many threads there can be."""
    enough = threading.Event()
    try:
        for _ in range(100):
            threading.Thread(target=enough.wait).start()
    except RuntimeError:
        pass
    finally:
        number = threading.active_count()
        enough.set()
    return str(number)


def cpu(_: str) -> str:
    """How much of one processor there is, in per cent."""
    start, used = time.monotonic(), time.process_time()
    while time.monotonic() < start + 2:
        pass
    return str(round(100 * (time.process_time() - used) / (time.monotonic() - start)))


def page(url: str) -> str:
    """What becomes of a request for it."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return str(answer.status)
    except OSError as error:
        return str(error)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        what, _, amount = self.path.removeprefix("/").partition("?")
        answer = {"memory": memory, "tasks": tasks, "cpu": cpu, "page": page}[what](amount)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
