"""Make a project in OpenRefine behind the login of a running Jupyter, as its own pages do, and read it back.

usage: project.py URL PATH   with the password in the environment variable PASSWORD; PATH is OpenRefine's below the URL.
Prints what happened as JSON.
"""

import json
import os
import pathlib
import re
import sys
from urllib.parse import urljoin

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "jupyter"))

from session import TIMEOUT, logged_in

TABLE = "town,river\nMilton Keynes,Ouse\nBedford,Great Ouse\n"


def main() -> None:
    base, path = sys.argv[1:]
    session = logged_in(base, os.environ["PASSWORD"])
    refine = urljoin(base, path)
    page = session.get(refine, timeout=TIMEOUT)
    script = re.search(r'<script[^>]* src="([^"]+)"', page.text)[1]

    token = session.get(f"{refine}command/core/get-csrf-token", timeout=TIMEOUT).json()["token"]
    made = session.post(
        f"{refine}command/core/create-project-from-upload",
        params={"csrf_token": token},
        files={"project-file": ("rivers.csv", TABLE)},
        data={"project-name": "rivers", "format": "text/line-based/*sv"},
        timeout=TIMEOUT,
    )
    number = re.search(r"project=(\d+)", made.url)[1]
    rows = session.post(
        f"{refine}command/core/get-rows", params={"project": number, "start": 0, "limit": 10}, timeout=TIMEOUT
    ).json()["rows"]
    json.dump(
        {
            "title": re.search("<title>(.*?)</title>", page.text)[1],
            "script": session.get(urljoin(page.url, script), timeout=TIMEOUT).status_code,
            "rows": [[cell["v"] for cell in row["cells"]] for row in rows],
        },
        sys.stdout,
    )


main()
