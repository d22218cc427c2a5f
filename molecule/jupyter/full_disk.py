"""Save something in a running Jupyter that has no room on its disk, delete the file "filler", and save again.

usage: full_disk.py URL   with the password in the environment variable PASSWORD. Prints the statuses as JSON.
"""

import json
import os
import sys

from session import TIMEOUT, logged_in

DOCUMENT = {"type": "file", "format": "text", "content": "x" * 100_000}


def main() -> None:
    contents = f"{sys.argv[1]}api/contents"
    session = logged_in(sys.argv[1], os.environ["PASSWORD"])
    seen = {
        "saved": session.put(f"{contents}/saved.txt", json=DOCUMENT, timeout=TIMEOUT).status_code,
        "listed": session.get(contents, timeout=TIMEOUT).status_code,
        "deleted": session.delete(f"{contents}/filler", timeout=TIMEOUT).status_code,
        "saved_then": session.put(f"{contents}/saved.txt", json=DOCUMENT, timeout=TIMEOUT).status_code,
    }
    json.dump(seen, sys.stdout)


main()
