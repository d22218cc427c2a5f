"""The benchmark at its smallest: one student, this collection and the floor. Counts are asserted, times are not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
SIZE = 1
# The client's own bounds, see docs/architecture.md; of the floor it is known exactly.
MOST = {"cold": 2 * SIZE + 20, "unchanged": 10, "teardown": 2 * SIZE + 15}
LEAST = {"cold": 1 + 3 + 3 + 2 + 1 + 2 * SIZE + 2, "unchanged": 1 + 8, "teardown": 1 + 6 + 2 * SIZE + 1 + 1 + 3}
POLLS = 20
STEPS = ["cold", "unchanged", "teardown"]


def bench(*arguments: str, **changes: str) -> subprocess.CompletedProcess:
    """Run the benchmark as `make bench` does."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=REPOSITORY,
        env=os.environ | changes,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run with both clients: its output and its page."""
    page = tmp_path_factory.mktemp("bench") / "performance.md"
    process = bench("--sizes", str(SIZE), "--peers", "coursevm", "floor-4", "--report", str(page))
    print(process.stdout + process.stderr)
    assert process.returncode == 0, process.stderr
    return process.stdout, page.read_text()


def requests_of(page: str, client: str) -> dict[str, int]:
    """Requests of a client by step, out of the page's table of costs."""
    row = re.compile(rf"^\| (\w+) \| {client} \| 1 \| (\d+) \| [\d.]+ \| [\d.]+ to [\d.]+ \| [\d.]+ \| \d+ \|$", re.M)
    return {step: int(requests) for step, requests in row.findall(page)}


def test_this_collection_is_within_its_bounds(ran):
    requests = requests_of(ran[1], "coursevm")
    assert list(requests) == STEPS
    for step, count in requests.items():
        assert LEAST["unchanged"] <= count <= MOST[step] + (0 if step == "unchanged" else POLLS)


def test_the_floor_makes_no_request_more_than_it_needs(ran):
    requests = requests_of(ran[1], "floor-4")
    assert list(requests) == STEPS
    assert requests["unchanged"] == LEAST["unchanged"]
    for step in ("cold", "teardown"):
        assert LEAST[step] <= requests[step] <= LEAST[step] + POLLS


def test_the_page_names_machine_versions_and_ratios(ran):
    page = ran[1]
    for fact in ("date", "machine", "cloud", "this collection"):
        assert re.search(rf"^\| {fact} \| .+ \|$", page, re.M), fact
    assert re.search(r"KVM: (yes|no)", page)
    assert len(re.findall(r"^\| \w+ \| floor-4 \|(?: [\d.]+ \|){4}$", page, re.M)) == len(STEPS)


def test_nothing_is_left(ran):
    assert "Left of it on the cloud: nothing" in ran[0]


def test_nothing_is_left_when_it_is_interrupted(tmp_path):
    page = tmp_path / "performance.md"
    command = [sys.executable, "-m", "bench", "--sizes", str(SIZE), "--peers", "coursevm", "--report", str(page)]
    # A background job, which these tests may be part of, ignores Ctrl-C
    command = ["env", "--default-signal=INT", *command]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    seen = []
    for line in process.stdout:
        seen.append(line)
        if f"coursevm, {SIZE} students" in line and "cold" in line:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output = "".join(seen)
    assert process.wait(300) == 2, output
    assert "Left of it on the cloud: nothing" in output
    assert "interrupted" in output
    assert "Traceback" not in output
    assert not page.exists()


def test_mistakes_are_explained(tmp_path):
    unknown = bench("--peers", "heta")
    assert unknown.returncode == 2
    assert "no client is called 'heta'. Closest: heat." in unknown.stderr
    no_number = bench("--sizes", "ten")
    assert "'ten' is no number of students" in no_number.stderr
    no_cloud = bench("--peers", "floor-4", OS_CLIENT_CONFIG_FILE=str(tmp_path / "clouds.yaml"))
    assert no_cloud.returncode == 2
    assert "make dev-cloud" in no_cloud.stderr
