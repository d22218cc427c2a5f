"""Start a kernel and a terminal in a running Jupyter, leave them alone, and wait until the server has ended them.

usage: culled.py URL   with the password in the environment variable PASSWORD. Prints, for each of the two, the status
that told its end and the seconds after which, and the status of the notebooks' list afterwards, as JSON.
"""

import json
import os
import sys
import time

import requests
from session import TIMEOUT, logged_in


def main() -> None:
    base = sys.argv[1]
    session = logged_in(base, os.environ["PASSWORD"])
    start = time.monotonic()
    kernel = session.post(f"{base}api/kernels", json={}, timeout=TIMEOUT).json()["id"]
    terminal = session.post(f"{base}api/terminals", timeout=TIMEOUT).json()["name"]
    left = {"kernel": f"kernels/{kernel}", "terminal": f"terminals/{terminal}"}
    ended = {}
    while left:
        time.sleep(1)
        for name, path in list(left.items()):
            status = session.get(f"{base}api/{path}", timeout=TIMEOUT).status_code
            if status != requests.codes.ok:
                ended[name] = {"status": status, "seconds": time.monotonic() - start}
                del left[name]
    notebooks = session.get(f"{base}api/contents", timeout=TIMEOUT).status_code
    json.dump({**ended, "notebooks": notebooks}, sys.stdout)


main()
