"""Let nbgitpuller in a running Jupyter fetch a repository, and ask nbdime's extension about it.

usage: pulled.py URL REPOSITORY   with the password in the environment variable PASSWORD. Prints what happened as JSON.
"""

import json
import os
import sys

from session import TIMEOUT, logged_in


def main() -> None:
    base, repository = sys.argv[1:]
    session = logged_in(base, os.environ["PASSWORD"])
    wanted = {"repo": repository, "branch": "main", "targetpath": "pulled"}
    pulled = session.get(f"{base}git-pull/api", params=wanted, timeout=TIMEOUT)
    pulled.raise_for_status()
    content = session.get(f"{base}api/contents/pulled/hello.txt", timeout=TIMEOUT).json().get("content", pulled.text)
    asked = session.post(f"{base}nbdime/api/isgit", json={"path": "pulled/hello.txt"}, timeout=TIMEOUT)
    json.dump({"content": content, "in_git": asked.json()}, sys.stdout)


main()
