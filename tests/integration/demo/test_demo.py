"""The demo as a newcomer runs it: `make demo`, Ctrl-C, `make demo`, once more, questions to what it left, and its end.

The first whole run is the proof in itself: its play `verify` logs in through the floating IP and has a kernel compute.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.conftest import CLOUDS, REPOSITORY, USER_CLOUD, complaints, connect
from tests.integration.engine.conftest import Engine

INVENTORY = REPOSITORY / "inventories" / "demo"
STATE = INVENTORY / ".state"
# Without make, which sets its own
ENVIRONMENT = {
    "OS_CLIENT_CONFIG_FILE": str(CLOUDS),
    "ANSIBLE_VAULT_PASSWORD_FILE": str(STATE / "vault-password"),
}
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
REQUEST_BUDGET = 10


def run(*command: str, check: bool = True, **environment: str) -> str:
    """Run a command in the repository, showing its output as it comes.

    Returns:
        what it printed on standard output and standard error
    """
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1"} | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = []
    for line in process.stdout:
        sys.stdout.write(line)
        lines.append(line)
    output = "".join(lines)
    if process.wait() and check:
        pytest.fail(f"{' '.join(command)} ended with {process.returncode}:\n{output[-6000:]}\n{complaints()}")
    return output


def ansible(tool: str, *arguments: str, check: bool = True) -> str:
    return run(str(REPOSITORY / ".venv" / "bin" / tool), "-i", str(INVENTORY), *arguments, check=check, **ENVIRONMENT)


def on_vm(student: str, command: str) -> tuple[bool, str]:
    """Run a shell command as the operator in a student's VM: whether it succeeded, and what it printed."""
    output = ansible("ansible", student, "-m", "ansible.builtin.raw", "-a", command, check=False)
    answer = re.search(rf"^{student} \| \w+ \| rc=(\d+) >>\n", output, re.MULTILINE)
    assert answer, output
    return answer[1] == "0", output[answer.end() :]


def interrupt(*command: str, at: str) -> str:
    """Run a command and press Ctrl-C five seconds after it printed ``at``; what it printed until its end."""
    process = subprocess.Popen(
        # A background job, which these tests may be part of, ignores it
        ["env", "--default-signal=INT", *command],
        cwd=REPOSITORY,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = []
    for line in process.stdout:
        sys.stdout.write(line)
        lines.append(line)
        if at in line:
            time.sleep(5)
            os.killpg(process.pid, signal.SIGINT)
    output = "".join(lines)
    assert at in output
    assert process.wait() != 0
    return output


@pytest.fixture(scope="module")
def first_run() -> str:
    """From the cached image of the cloud: VMs that another checkout left in it know that one's keys only."""
    run("make", "dev-cloud-destroy")
    assert "Traceback" not in interrupt("make", "demo", at="Declare the network and the students' VMs")
    return run("make", "demo")


@pytest.fixture(scope="module")
def hosts(first_run) -> dict[str, dict]:
    listed = ansible("ansible-inventory", "--list")
    return json.loads(listed[listed.index("{") :])["_meta"]["hostvars"]


def test_every_student_can_log_in_and_compute(first_run):
    recaps = {host: (int(unreachable), int(failed)) for host, _, _, unreachable, failed in RECAP.findall(first_run)}
    assert recaps["ada"] == recaps["grace"] == (0, 0)
    assert re.search(r"ada\s+http://\d+\.\d+\.\d+\.\d+/\s+ansible-vault view \S+ada.yml\s+ssh -i", first_run)


def test_a_second_run_changes_nothing(first_run):
    recap = RECAP.findall(run("make", "demo"))
    assert {host for host, *_ in recap} >= {"localhost", "ada", "grace"}
    assert [(host, changed, failed) for host, _, changed, _, failed in recap if (changed, failed) != ("0", "0")] == []


def test_an_unchanged_cohort_costs_few_requests(first_run):
    output = ansible("ansible-playbook", "ouseful.coursevm.provision", "-v")
    requests = [int(count) for count in re.findall(r'"requests": (\d+)', output)]
    assert len(requests) == 1, f"expected the count of the whole cohort, got {requests}"
    assert requests[0] <= REQUEST_BUDGET


def test_students_have_their_own_address_and_password(hosts):
    addresses = {host: variables["ansible_host"]["__ansible_unsafe"] for host, variables in hosts.items()}
    assert len(set(addresses.values())) == len(addresses) == 2
    passwords = {student: run("make", "--silent", "password", f"STUDENT={student}") for student in hosts}
    assert len(set(passwords.values())) == 2
    for student, shown in passwords.items():
        stored = (STATE / "credentials" / f"{student}.yml").read_text()
        assert stored.startswith("$ANSIBLE_VAULT;")
        assert re.search(r"password: \S{8,}", shown)


def test_the_vm_has_no_route_to_the_outside(hosts):
    """The machine itself reaches its name server; the VM must not."""
    name_server = re.search(r"^nameserver\s+(\S+)", Path("/etc/resolv.conf").read_text(), re.MULTILINE)[1]
    with socket.create_connection((name_server, 53), timeout=5):
        pass
    reached, output = on_vm("ada", f"timeout 5 bash -c '</dev/tcp/{name_server}/53'")
    assert not reached, output


def test_apt_reaches_its_sources_through_the_tunnel_and_only_there(hosts):
    ansible("ansible-playbook", str(Path(__file__).with_name("tunnel.yml")))


def test_the_vm_listens_only_where_it_should(hosts):
    """SSH and nginx for everyone, Jupyter on loopback, and nothing left of the tunnel."""
    _, output = on_vm("ada", "sudo ss -Hltn | awk '{print $4}'")
    listening = {line.strip() for line in output.splitlines() if re.search(r":\d+\s*$", line)}
    outside = {address.rpartition(":")[2] for address in listening if not address.startswith(("127.", "[::1]"))}
    assert outside == {"22", "80"}, listening
    assert "127.0.0.1:8888" in listening
    assert {address.rpartition(":")[2] for address in listening} <= {"22", "80", "8888", "53"}, listening


def test_no_process_of_the_vm_shows_a_secret(hosts):
    password = re.search(r"password: (\S+)", run("make", "--silent", "password", "STUDENT=ada"))[1]
    _, output = on_vm("ada", "sudo sh -c 'ps -efww; cat /var/lib/cloud/instance/user-data.txt; journalctl -q -b'")
    assert "jupyter" in output
    assert password not in output
    assert "argon2" not in output


def test_the_cohort_goes_and_leaves_nothing(hosts, tmp_path):
    """The last one: VMs that nobody asks any more would take a part of the machine from the tests that follow."""
    engine = Engine(tmp_path, connect(USER_CLOUD))
    engine.cohort = "demo"
    assert len(engine.remains()["servers"]) == len(hosts)
    gone = {"cloud": USER_CLOUD, "cohort": "demo", "state": "absent", "instances": [{"student": one} for one in hosts]}
    ansible("ansible", "localhost", "-m", "ouseful.coursevm.cohort", "-a", json.dumps(gone))
    assert not any(engine.remains().values())
