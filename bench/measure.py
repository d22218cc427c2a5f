"""What one run of a client costs: time and memory from the kernel, requests from the cloud's access logs."""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CONTAINER = "coursevm-dev-cloud"
LOGS = {
    "keystone": "/var/log/keystone/keystone.log",
    "glance": "/var/log/glance/glance-api.log",
    "nova": "/var/log/nova/nova-api.log",
    "neutron": "/var/log/neutron/neutron-server.log",
    "heat": "/var/log/heat/heat-api.log",
}
# An access line has the client's address as a word of its own, then method and path.
ACCESS = re.compile(
    r"(?P<before>.*?)(?:^|\s)(?P<address>\d+\.\d+\.\d+\.\d+) .*?\b(?:GET|HEAD|POST|PUT|PATCH|DELETE) (?P<path>/\S*)"
)
ID = re.compile(r"\b[0-9a-f]{32}\b")
FLUSH = 1.0  # seconds until the last line of a log must be written
TELL_EVERY = 30  # seconds
LEAVE = 20  # seconds for a client to end when asked to


class MeasureError(Exception):
    """Something that can't be measured, in words."""


@dataclass(frozen=True)
class Cost:
    """What one run of a client took.

    ``requests`` are by service; ``strangers`` is the number of requests which others made meanwhile. ``cpu`` is user
    and system time of all processes of the client, ``memory`` the peak (MiB, resident) of the largest of them.
    """

    requests: dict[str, int]
    strangers: int
    seconds: float
    cpu: float
    memory: float


class AccessLogs:
    """The access logs of the dev cloud's API services."""

    def __init__(self, auth_url: str) -> None:
        """Raises MeasureError when the container can't be read."""
        host = urlsplit(auth_url)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # sends nothing
            probe.connect((host.hostname, host.port))
            self.client = probe.getsockname()[0]
        self.sizes()

    def in_container(self, *command: str) -> str:
        """Output of a command in the dev cloud's container."""
        podman = ["podman", "exec", CONTAINER, *command]
        process = subprocess.run(podman, capture_output=True, text=True, check=False)
        if process.returncode:
            raise MeasureError(
                f"podman exec {CONTAINER} {command[0]}: {process.stderr.strip()}. "
                "Requests are counted in the dev cloud's access logs: run as root, on the machine that runs it."
            )
        return process.stdout

    def sizes(self) -> dict[str, int]:
        """Bytes in each log."""
        sizes = self.in_container("stat", "--format", "%s", *LOGS.values()).split()
        return dict(zip(LOGS, map(int, sizes), strict=True))

    def since(self, sizes: dict[str, int], project_id: str) -> tuple[dict[str, int], int]:
        """Requests by service which the project's client made since then, and the number of others'."""
        requests, strangers = {}, 0
        for service, now in self.sizes().items():
            if now < sizes[service]:
                raise MeasureError(f"{LOGS[service]} was rotated during the run: run again.")
            lines = self.in_container("tail", "-c", f"+{sizes[service] + 1}", LOGS[service]).splitlines()
            whose = Counter(of_project(line, self.client, project_id) for line in lines)
            requests[service] = whose[True]
            strangers += whose[False]
        return requests, strangers


def of_project(line: str, client: str, project_id: str) -> bool | None:
    """Whether a line of a log is a request of the project's client; None when it is no request of this machine at all.

    Nova, Neutron and Glance write the project down, Heat has it in the path. A line without any (a login, a look at the
    versions) counts as the client's.
    """
    access = ACCESS.match(line)
    if not access or access["address"] != client:
        return None
    ids = ID.findall(access["before"] + access["path"])
    return not ids or project_id in ids


@dataclass(frozen=True)
class Command:
    """What to run, with its output in ``log``."""

    arguments: list[str]
    environment: dict[str, str]
    log: Path
    title: str


def cost(command: Command, logs: AccessLogs, project_id: str) -> Cost:
    """Run a client and see what it took. Raises MeasureError when it fails."""
    before = logs.sizes()
    status, seconds, usage = run(command)
    if status:
        tail = "\n".join(command.log.read_text(errors="replace").splitlines()[-15:])
        raise MeasureError(f"{command.title} ended with status {status}; the end of {command.log}:\n{tail}")
    time.sleep(FLUSH)
    requests, strangers = logs.since(before, project_id)
    return Cost(requests, strangers, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def run(command: Command) -> tuple[int, float, resource.struct_rusage]:
    """Run a client, telling every now and then that it is still running.

    Returns:
        exit status, wall seconds, what the kernel says of the process and all that it waited for
    """
    finished = threading.Event()
    started = time.monotonic()

    def tell() -> None:
        while not finished.wait(TELL_EVERY):
            print(f"  {command.title}: {time.monotonic() - started:.0f} s …", flush=True)

    with command.log.open("w") as output:
        process = subprocess.Popen(
            command.arguments,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            _pid, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - started
        except BaseException:
            process.terminate()
            try:
                process.wait(LEAVE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
        finally:
            finished.set()
            teller.join()
    process.returncode = os.waitstatus_to_exitcode(status)  # Popen would wait for it, too
    return process.returncode, seconds, usage
