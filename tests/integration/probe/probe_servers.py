"""Servers for the tests of the probe: how they are configured, started and ended."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).parents[3]
REQUIREMENTS = ROOT / "roles/jupyter/files/requirements.txt"
PASSWORD = "correct-horse"

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  limit_req_zone $request_method zone=login:1m rate=20r/m;
  server {{
    listen 127.0.0.1:{port} {tls};
    proxy_http_version 1.1;
    {headers}
    location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
    {location}
  }}
}}
"""
GOOD_HEADERS = """
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command: list[str], port: int, log: pathlib.Path, **options):
    """Starts a server, waits until it accepts connections, and ends that very process afterwards."""
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, **options)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            pytest.fail(f"{command[0]} does not listen after 60 s:\n{log.read_text()}")
        yield port
    finally:
        process.terminate()
        process.wait(20)
