"""Start a kernel in a running Jupyter, leave it alone, and wait until the server has ended it.

usage: culled.py URL   with the password in the environment variable PASSWORD. Prints the seconds it took.
"""

import os
import sys
import time

from session import TIMEOUT, logged_in


def main() -> None:
    base = sys.argv[1]
    session = logged_in(base, os.environ["PASSWORD"])
    kernel = session.post(f"{base}api/kernels", json={}, timeout=TIMEOUT).json()["id"]
    start = time.monotonic()
    while session.get(f"{base}api/kernels/{kernel}", timeout=TIMEOUT).status_code == 200:
        time.sleep(1)
    print(time.monotonic() - start)


main()
