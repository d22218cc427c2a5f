#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print, as JSON, the destinations ("host:port") that apt and pip of this host are configured to use, and a free port.

Runs on the host, from standard input, with nothing but its own Python. pip need not be installed: the wheel
that python3-venv brings along is asked then. Without either, "pip" is null: not known yet.
"""

from __future__ import annotations

import configparser
import glob
import json
import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
PIP_OPTIONS = ("index-url", "extra-index-url")


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


def pip_settings() -> dict[str, str]:
    """Return pip's options for the installation of packages, each from where it counts most.

    Read here because pip itself takes most of a minute for it on a small VM. Files, sections and their order:
    https://pip.pypa.io/en/stable/topics/configuration/
    """
    home = os.path.expanduser("~")
    config_home = os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    chosen = os.environ.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        files = []
    else:
        directories = (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
        files = [f"{directory}/pip/pip.conf" for directory in directories] + ["/etc/pip.conf"]
        files += [chosen] if os.path.exists(chosen) else [f"{home}/.pip/pip.conf", f"{config_home}/pip/pip.conf"]
    parser = configparser.RawConfigParser()
    parser.read(files, encoding="utf-8")
    settings = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            settings |= {name.replace("_", "-"): value for name, value in parser.items(section)}
    for option in PIP_OPTIONS:
        value = os.environ.get("PIP_" + option.upper().replace("-", "_"))
        if value:
            settings[option] = value
    return settings


def pip_urls() -> list[str] | None:
    """Return the indexes pip uses; for the public one also the host of its files. None without pip."""
    sys.path += sorted(glob.glob("/usr/share/python-wheels/pip-*.whl"))[-1:]
    try:
        from pip._internal.models.index import PyPI  # noqa: PLC0415 (the path is only now complete)
    except ImportError:
        return None
    settings = pip_settings()
    urls = settings.get("index-url", PyPI.simple_url).split() + settings.get("extra-index-url", "").split()
    if any(urlsplit(url).hostname == PyPI.netloc for url in urls):
        urls.append(f"https://{PyPI.file_storage_domain}")
    return urls


def destinations(urls: list[str] | None) -> list[str] | None:
    """Return the destinations of the URLs, each once; None for None."""
    return None if urls is None else sorted({found for url in urls if (found := destination(url))})


def free_port() -> int:
    """Return a TCP port of the loopback address that nothing listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    print(json.dumps({"apt": destinations(apt_urls()), "pip": destinations(pip_urls()), "free_port": free_port()}))
