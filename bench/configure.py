"""`python -m bench.configure`: what an unchanged run of the playbook configure costs, for 1 to 10 hosts.

Makes a host as molecule's scenarios do (a systemd container without a route out, entered by SSH), configures it, makes
more of its image, and runs the playbook on them again. Prints a Markdown table:

- tasks: results of tasks per host, as Ansible's own callback `junit` writes them down (skipped ones not counted);
- round trips: runs of `ssh` per host. Ansible runs one for each module, file and raw command; the playbook's process
  is told of a stand-in that counts and then becomes ssh, so that nothing is estimated;
- seconds: wall time of the run.

Run it as root with the molecule tests' packages installed, on a machine that does nothing else. Nothing stays but the
hosts' base image.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SHARED = REPOSITORY / "molecule" / "shared"
BIN = Path(sys.executable).parent
NAME = "configure_bench_{}"
IMAGE = "localhost/coursevm-configure-bench"
COUNTING_SSH = '#!/bin/sh\necho >>"$COURSEVM_ROUND_TRIPS"\nexec ssh "$@"\n'
# What a course page would say, at the least
VARIABLES = {
    "jupyter_password": "correct horse battery",
    "jupyter_ssh_tunnel": True,
    "jupyter_pip_ca_bundle": "/etc/ssl/certs/ca-certificates.crt",
    "nginx_proxy_ssh_tunnel": True,
    "nginx_proxy_services": [{"path": "/", "upstream": "127.0.0.1:8888"}],
}


class BenchError(Exception):
    """What went wrong, in words."""


@dataclass(frozen=True)
class Run:
    """One run of the playbook."""

    hosts: int
    tasks: int
    round_trips: int
    seconds: float
    changed: int


def table(runs: Sequence[Run]) -> str:
    """The runs as a Markdown table."""
    lines = [
        "| hosts | tasks per host | SSH round trips per host | seconds | seconds per host |",
        "|---:|---:|---:|---:|---:|",
    ]
    for run in runs:
        lines.append(
            f"| {run.hosts} | {run.tasks / run.hosts:.0f} | {run.round_trips / run.hosts:.1f} "
            f"| {run.seconds:.1f} | {run.seconds / run.hosts:.1f} |"
        )
    return "\n".join(lines)


def tasks_done(reports: Path) -> int:
    """Results of tasks in junit's reports, without those that were skipped."""
    cases = [case for report in reports.glob("*.xml") for case in ET.parse(report).iter("testcase")]
    return sum(case.find("skipped") is None for case in cases)


def changes(recap: str) -> int:
    """Changed tasks in Ansible's recap; raises BenchError for a host that failed."""
    if re.search(r"(failed|unreachable)=[1-9]", recap):
        raise BenchError(f"the playbook failed:\n{recap[-3000:]}")
    return sum(int(count) for count in re.findall(r"changed=(\d+)", recap))


def execute(command: Sequence[str | Path], **variables: str) -> str:
    """Output of a command; raises BenchError when it fails."""
    environment = {
        **os.environ,
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_COLLECTIONS_PATH": ".ansible/collections",
        **variables,
    }
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{' '.join(map(str, command[:4]))} …: {done.stdout[-3000:]}")
    return done.stdout


class Hosts:
    """The hosts, and the inventory of all that there are."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.inventory = directory / "inventory.json"
        self.made: list[int] = []

    def _playbook(self, name: str, number: int, **more: str) -> None:
        place = self.directory / str(number)
        (place / "inventory").mkdir(parents=True, exist_ok=True)
        variables = {
            "ansible_python_interpreter": sys.executable,
            "molecule_ephemeral_directory": str(place),
            "molecule_scenario_directory": NAME.format(number),
            **more,
        }
        execute([BIN / "ansible-playbook", "-i", "localhost,", SHARED / name, "--extra-vars", json.dumps(variables)])

    def make(self, number: int, **more: str) -> None:
        """Make a host and put it into the inventory."""
        self.made.append(number)
        self._playbook("create.yml", number, **more)
        execute(["podman", "exec", self.container(number), "sh", "-c", "systemctl is-system-running --wait || true"])
        self._write()

    def _write(self) -> None:
        hosts = {}
        for number in self.made:
            text = execute(
                [
                    BIN / "ansible-inventory",
                    "-i",
                    self.directory / str(number) / "inventory" / "instances.yml",
                    "--list",
                ]
            )
            hosts[f"host{number:02}"] = json.loads(text)["_meta"]["hostvars"]["coursevm"]
        group = {"coursevm_students": {"hosts": hosts, "vars": VARIABLES}}
        self.inventory.write_text(json.dumps(group), encoding="utf-8")

    @staticmethod
    def container(number: int) -> str:
        """The name of a host's container, as molecule's playbooks choose it."""
        return "cvm-mol-" + NAME.format(number).replace("_", "-")

    def remove(self) -> None:
        """Remove every host and the image they came from."""
        for number in self.made:
            try:
                self._playbook("destroy.yml", number)
            except BenchError as error:
                print(f"Left behind: {self.container(number)}. {error}", file=sys.stderr)
        subprocess.run(["podman", "rmi", "--force", IMAGE], capture_output=True, check=False)


def configure(hosts: Hosts, count: int, playbook: str) -> Run:
    """Run the playbook on the first hosts."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        ssh, counted = place / "ssh", place / "round-trips"
        ssh.write_text(COUNTING_SSH, encoding="utf-8")
        ssh.chmod(0o755)
        counted.touch()
        before = time.monotonic()
        said = execute(
            [BIN / "ansible-playbook", "-i", hosts.inventory, "--limit", f"coursevm_students[0:{count - 1}]", playbook],
            ANSIBLE_SSH_EXECUTABLE=str(ssh),
            COURSEVM_ROUND_TRIPS=str(counted),
            ANSIBLE_CALLBACKS_ENABLED="ansible.builtin.junit",
            JUNIT_OUTPUT_DIR=str(place / "junit"),
        )
        seconds = time.monotonic() - before
        return Run(count, tasks_done(place / "junit"), counted.read_text().count("\n"), seconds, changes(said))


def main() -> int:
    """Make the hosts, measure, remove them."""
    parser = argparse.ArgumentParser(prog="python -m bench.configure", description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 5, 10], help="numbers of hosts to run with")
    parser.add_argument("--playbook", default="ouseful.coursevm.configure")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coursevm-bench-") as name:
        hosts = Hosts(Path(name))
        try:
            hosts.make(1)
            print("Configuring the first host from nothing", file=sys.stderr)
            configure(hosts, 1, arguments.playbook)
            execute(["podman", "commit", "--quiet", hosts.container(1), IMAGE])
            for number in range(2, max(arguments.hosts) + 1):
                hosts.make(number, molecule_image=IMAGE)
            runs = []
            for count in arguments.hosts:
                runs.append(configure(hosts, count, arguments.playbook))
                print(runs[-1], file=sys.stderr)
        except BenchError as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            hosts.remove()
    print(table(runs))
    changed = [run for run in runs if run.changed]
    if changed:
        print(f"Not unchanged: {changed}", file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
