"""A proxy that does faults, cohorts to do them to, and the number of cases that ran."""

from __future__ import annotations

import socket
import subprocess
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import requests
from direct import STUDENTS, Direct

from tests.integration.conftest import REPOSITORY

MITMDUMP = REPOSITORY / ".cache" / "faults" / "bin" / "mitmdump"
CONTROL = "http://faults.invalid/"
COUNTED = "faults"
LOG = REPOSITORY / "build" / "faults.log"


class Proxy:
    """A running proxy."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.control = requests.Session()
        self.control.trust_env = False
        self.control.proxies = {"http": url}

    def strike(self, kind: str | None, at: int) -> None:
        """Do this fault at that request, counted from now on."""
        self.control.put(CONTROL, json={"kind": kind, "at": at}, timeout=10).raise_for_status()

    def report(self) -> dict:
        """The request that was ``struck`` since, as method and path, or None."""
        return self.control.get(CONTROL, timeout=10).json()


@pytest.fixture(scope="session")
def proxy(tmp_path_factory):
    """The proxy, until the end of the session."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).with_name("proxy.py")
    log = tmp_path_factory.mktemp("proxy") / "log"
    command = [MITMDUMP, "--quiet", "--listen-host", "127.0.0.1", "--listen-port", str(port), "--scripts", script]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    made = Proxy(f"http://127.0.0.1:{port}")
    for _time in range(120):
        try:
            made.report()
            break
        except requests.ConnectionError:
            time.sleep(0.5)
    else:
        pytest.fail(f"the proxy doesn't answer: {log.read_text()}")
    yield made
    made.control.close()
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture
def new_cohort(tmp_path, cloud):
    """Make a cohort with a name of its own; nothing of any is left at the end."""
    made = []

    def make() -> Direct:
        made.append(Direct(tmp_path, cloud))
        return made[-1]

    yield make
    for cohort in made:
        cohort.call(cohort.instances(*STUDENTS, state="absent"))
        cohort.call(cohort.stack(state="absent"))


@pytest.fixture
def tell(record_property):
    """Count faults that were done, by kind, and note what became of them.

    The report of the test carries the numbers to the summary. A worker shows nothing until all is over, so there is a
    log.
    """

    def write(kind: str, number: int, line: str) -> None:
        record_property(COUNTED, [kind, number])
        LOG.parent.mkdir(exist_ok=True)
        with LOG.open("a") as log:
            log.write(f"{datetime.now():%F %T} {line}\n")
        print(line, flush=True)

    return write


def pytest_terminal_summary(terminalreporter):
    """Say how many faults were done."""
    counted = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if getattr(report, "when", None) == "teardown":
            for kind, number in (value for name, value in report.user_properties if name == COUNTED):
                counted[kind] += number
    if counted:
        listed = ", ".join(f"{kind}: {number}" for kind, number in sorted(counted.items()))
        terminalreporter.write_line(f"{counted.total()} faults done to the modules ({listed})")
