"""Upload 200 MB to a running Jupyter in pieces of 1 MB, as JupyterLab does; fetch the file again, and delete it.

usage: upload.py URL   with the password in the environment variable PASSWORD. Prints the size of what came back and
whether it is the same, as JSON.
"""

import base64
import hashlib
import json
import os
import sys

from session import TIMEOUT, logged_in

PIECE = bytes(range(256)) * 4096
PIECES = 200


def main() -> None:
    base = sys.argv[1]
    session = logged_in(base, os.environ["PASSWORD"])
    url = f"{base}api/contents/large.bin"
    sent, back, size = hashlib.sha256(), hashlib.sha256(), 0
    for number in range(1, PIECES + 1):
        piece = number.to_bytes(4, "big") + PIECE[4:]  # each is another, so that their order counts
        sent.update(piece)
        content = base64.b64encode(piece).decode()
        chunk = -1 if number == PIECES else number
        document = {"type": "file", "format": "base64", "chunk": chunk, "content": content}
        session.put(url, json=document, timeout=TIMEOUT).raise_for_status()
    with session.get(f"{base}files/large.bin", stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        for part in answer.iter_content(2**20):
            back.update(part)
            size += len(part)
    session.delete(url, timeout=TIMEOUT).raise_for_status()
    json.dump({"size": size, "same": back.digest() == sent.digest()}, sys.stdout)


main()
