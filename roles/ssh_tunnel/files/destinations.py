#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print, as JSON, the destinations ("host:port") that apt and pip of this host are configured to use.

Runs on the host, from standard input, with nothing but its own Python. pip need not be installed: the wheel
that python3-venv brings along is asked then. Without either, "pip" is null: not known yet.
"""

from __future__ import annotations

import ast
import contextlib
import glob
import io
import json
import subprocess
import sys
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}


def destination(url: str) -> str | None:
    """Return "host:port" of an http or https URL, None for any other (file:, cdrom:, …)."""
    parts = urlsplit(url.strip())
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or PORTS[parts.scheme]}"


def apt_urls() -> list[str]:
    """Return the sites apt uses. A "mirror+file:" source, as cloud images have, names a list of them."""
    # --no-release-info: sources whose lists were never fetched count, too
    command = ["apt-get", "indextargets", "--no-release-info", "--format", "$(SITE)"]
    sites = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    urls = []
    for site in sites:
        if site.startswith("mirror+file:"):
            with open(site.removeprefix("mirror+file:"), encoding="utf-8") as mirrors:
                urls += [line.split()[0] for line in mirrors if line.strip() and not line.startswith("#")]
        else:
            urls.append(site)
    return urls


def pip_urls() -> list[str] | None:
    """Return the indexes pip uses; for the public one also the host of its files. None without pip."""
    sys.path += sorted(glob.glob("/usr/share/python-wheels/pip-*.whl"))[-1:]
    try:
        from pip._internal.cli.main import main  # noqa: PLC0415 (the path is only now complete)
        from pip._internal.models.index import PyPI  # noqa: PLC0415
    except ImportError:
        return None
    with contextlib.redirect_stdout(io.StringIO()) as output:
        main(["config", "list"])
    index, extra = [PyPI.simple_url], []
    for line in output.getvalue().splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        if option == "index-url":
            index = ast.literal_eval(value).split()
        elif option == "extra-index-url":
            extra += ast.literal_eval(value).split()
    urls = index + extra
    if any(urlsplit(url).hostname == PyPI.netloc for url in urls):
        urls.append(f"https://{PyPI.file_storage_domain}")
    return urls


def destinations(urls: list[str] | None) -> list[str] | None:
    """Return the destinations of the URLs, each once; None for None."""
    return None if urls is None else sorted({found for url in urls if (found := destination(url))})


if __name__ == "__main__":
    print(json.dumps({"apt": destinations(apt_urls()), "pip": destinations(pip_urls())}))
