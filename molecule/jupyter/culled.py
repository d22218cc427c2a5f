"""Start a kernel in a running Jupyter, leave it alone, and wait until the server has ended it.

usage: culled.py URL   with the password in the environment variable PASSWORD. Prints the seconds it took.
"""

import os
import sys
import time

import requests
from session import TIMEOUT, logged_in


def main() -> None:
    base = sys.argv[1]
    session = logged_in(base, os.environ["PASSWORD"])
    kernel = session.post(f"{base}api/kernels", json={}, timeout=TIMEOUT).json()["id"]
    terminal = session.post(f"{base}api/terminals", timeout=TIMEOUT).json()["name"]
    start = time.monotonic()
    for left in (f"kernels/{kernel}", f"terminals/{terminal}"):
        while session.get(f"{base}api/{left}", timeout=TIMEOUT).status_code == requests.codes.ok:
            time.sleep(1)
    print(time.monotonic() - start)


main()
