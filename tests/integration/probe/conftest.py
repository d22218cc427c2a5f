"""A real Jupyter server on loopback, from the pinned requirements of the role, and a real nginx in front of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from passlib.hash import argon2
from probe_servers import GOOD_HEADERS, NGINX, PASSWORD, REQUIREMENTS, ROOT, free_port, running


@pytest.fixture(scope="session")
def jupyter_bin() -> pathlib.Path:
    """The programs of a virtual environment that is kept until the requirements change."""
    venv = ROOT / ".cache/test-jupyter"
    stamp, digest = venv / "requirements.sha256", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True)
        stamp.write_text(digest)
    return venv / "bin"


@pytest.fixture(scope="session")
def start_jupyter(jupyter_bin, tmp_path_factory):
    """A function that starts a Jupyter server and gives its port; they all end with the tests."""
    with contextlib.ExitStack() as stack:

        def start(base_url: str = "/", password: str | None = PASSWORD) -> int:
            home, port = tmp_path_factory.mktemp("jupyter"), free_port()
            identity = {"hashed_password": f"argon2:{argon2.hash(password)}"} if password else {"hashed_password": ""}
            config = {
                "ServerApp": {
                    "base_url": base_url,
                    "ip": "127.0.0.1",
                    "port": port,
                    "port_retries": 0,
                    "root_dir": str(home),
                },
                "PasswordIdentityProvider": identity,
                "IdentityProvider": {"token": ""},
            }
            (home / "config.json").write_text(json.dumps(config))
            command = [jupyter_bin / "jupyter-lab", "--no-browser", "--allow-root", f"--config={home / 'config.json'}"]
            environment = {**os.environ, "HOME": str(home), "PATH": f"{jupyter_bin}:{os.environ['PATH']}"}
            stack.enter_context(running(command, port, home / "log", env=environment, cwd=home))
            return port

        yield start


@pytest.fixture(scope="session")
def start_nginx(tmp_path_factory):
    """A function that puts nginx in front of a port and gives its own port.

    `headers` are for every location, `location` opens one more (without its end and its proxy_pass),
    `certificate` is the file of a certificate and its key.
    """
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    with contextlib.ExitStack() as stack:

        def start(upstream: int, headers: str = GOOD_HEADERS, location: str = "", certificate: str = "") -> int:
            home, port = tmp_path_factory.mktemp("nginx"), free_port()
            tls = f"ssl; ssl_certificate {certificate}; ssl_certificate_key {certificate}" if certificate else ""
            if location:
                location = f"{location} proxy_pass http://127.0.0.1:{upstream}; }}"
            text = NGINX.format(dir=home, port=port, upstream=upstream, headers=headers, location=location, tls=tls)
            (home / "nginx.conf").write_text(text)
            return stack.enter_context(running([nginx, "-p", home, "-c", home / "nginx.conf"], port, home / "log"))

        yield start


@pytest.fixture(scope="session")
def jupyter(start_jupyter) -> int:
    return start_jupyter()


@pytest.fixture(scope="session")
def site(jupyter, start_nginx) -> str:
    """The base URL of a Jupyter server that has nothing wrong."""
    return f"http://127.0.0.1:{start_nginx(jupyter)}/"
