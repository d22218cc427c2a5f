"""List the projects of OpenRefine behind the login of a running Jupyter.

usage: projects.py URL   of OpenRefine, below that of Jupyter, with the password in the environment variable PASSWORD.
Prints their numbers as JSON.
"""

import json
import os
import pathlib
import sys
from urllib.parse import urljoin

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "jupyter"))

from session import TIMEOUT, logged_in


def main() -> None:
    refine = sys.argv[1]
    session = logged_in(urljoin(refine, ".."), os.environ["PASSWORD"])
    answer = session.get(f"{refine}command/core/get-all-project-metadata", timeout=TIMEOUT)
    answer.raise_for_status()
    json.dump(sorted(answer.json()["projects"]), sys.stdout)


main()
