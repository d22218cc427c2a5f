#!/usr/bin/env python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Download the wheels that requirements need on another host, into one archive; print its path.

Runs on the control machine. Reads JSON from standard input: "host" (what ask.py prints), "requirements" (text),
"dependencies" (whether to download what they need, too), "cache" (directory) and "find_links" (directories with wheels
of one's own). The archive is made once for the same input.
Ends with a message on standard error and status 1 when the wheels can't be had.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

# Names that older wheels give to a version of glibc
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# pip has no option for it: without, markers would ask the control machine
PIP = """
import json, sys
from pip._vendor.packaging import markers
environment = json.loads(sys.argv.pop(1))
markers.default_environment = lambda: dict(environment)
from pip._internal.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


class NoWheelsError(Exception):
    """The wheels can't be had; the text says why, and what mends it."""


def platforms(machine: str, glibc: str) -> list[str]:
    """Return the platform tags that a Linux host takes, best first. Those of a newer glibc are not among them."""
    major, _, minor = glibc.partition(".")
    if major != "2" or not minor.isdigit():
        raise NoWheelsError(
            "the host's C library is not glibc 2: wheels for it can't be named. Use a tunnel and pip there."
        )
    tags = []
    for number in range(int(minor), 4, -1):
        tags.append(f"manylinux_2_{number}_{machine}")
        if number in LEGACY:
            tags.append(f"{LEGACY[number]}_{machine}")
    return [*tags, f"linux_{machine}"]


def pip_arguments(host: dict) -> list[str]:
    """Return the arguments that make pip choose for the host instead of for the machine that it runs on."""
    markers = host["markers"]
    if markers["implementation_name"] != "cpython":
        name = markers["platform_python_implementation"]
        raise NoWheelsError(f"the host's python3 is {name}, not CPython. Install CPython there.")
    version = markers["python_version"]
    chosen = ["--only-binary=:all:", "--implementation=cp", f"--python-version={version}"]
    chosen.append(f"--abi=cp{version.replace('.', '')}")
    return chosen + [f"--platform={tag}" for tag in platforms(host["machine"], host["glibc"])]


def explanation(said: str, host: dict) -> str:
    """Return what pip said, in words that help."""
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    for line in errors:
        missing = re.match(r"No matching distribution found for (.+)", line)
        if missing:
            kind = f"Python {host['markers']['python_version']} on {host['machine']} with glibc {host['glibc']}"
            return (
                f"requirement {missing[1]} has no wheel for {kind}. Require a version that has one, or build its wheel"
                f" and name the directory in offline_packages_find_links. pip says: {' '.join(errors)}"
            )
    return f"pip can't download the wheels: {' '.join(errors) or said.strip()[-2000:]}"


def download(request: dict, directory: pathlib.Path) -> None:
    """Download the wheels into the directory; those of pip itself, too, which a bare host lacks."""
    requirements = directory / "requirements.txt"
    requirements.write_text(request["requirements"], encoding="utf-8")
    common = [sys.executable, "-c", PIP, json.dumps(request["host"]["markers"]), "download", "--dest", str(directory)]
    common += ["--quiet", "--disable-pip-version-check", *pip_arguments(request["host"])]
    common += [f"--find-links={path}" for path in request["find_links"]]
    options = [] if request["dependencies"] else ["--no-deps"]
    for wanted in ([*options, "--requirement", str(requirements)], ["pip"]):
        done = subprocess.run([*common, *wanted], check=False, capture_output=True, text=True)
        if done.returncode:
            raise NoWheelsError(explanation(done.stderr, request["host"]))


def key(request: dict) -> str:
    """Return the name of what the wheels follow from."""
    own = {path: sorted(os.listdir(path)) for path in request["find_links"]}
    text = json.dumps([request["host"], request["requirements"], request["dependencies"], own], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def archive(request: dict) -> pathlib.Path:
    """Return the path of the archive, and make it when it is not there."""
    cache = pathlib.Path(request["cache"]).expanduser()
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{key(request)}.zip"
    # Hosts are served at the same time: the first one's wheels are everyone's
    with open(cache / ".lock", "w", encoding="utf-8") as lock, tempfile.TemporaryDirectory(dir=cache) as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path
        directory = pathlib.Path(scratch, "wheels")
        directory.mkdir()
        download(request, directory)
        made = pathlib.Path(scratch, path.name)
        with zipfile.ZipFile(made, "w") as file:  # not compressed again: wheels are
            for wheel in sorted(directory.iterdir()):
                file.write(wheel, wheel.name)
        made.rename(path)
    return path


def main() -> None:
    try:
        print(archive(json.load(sys.stdin)))
    except NoWheelsError as error:
        sys.exit(f"offline_packages_requirements: {error}")


if __name__ == "__main__":
    main()
