"""`python -m bench.configure`: what an unchanged run of the playbook configure costs, for 1 to 10 hosts.

usage: python -m bench.configure [--hosts 1 2 5 10] [--before COMMIT] [--course demo] [--rounds 3]
                                 [--report docs/performance-configure.md]

Makes a host as molecule's scenarios do (a systemd container without a route out, entered by SSH), gives it the course's
own page of variables and configures it, makes more of its image, and runs the playbook on them again, unchanged. With
--before, the collection of that commit runs on the same hosts, in turns with the tree as it is.

Run it as root with the molecule tests' packages installed, on a machine that does nothing else. Nothing stays but the
hosts' base image. bench/README.md says what the figures are.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.configure_report import Run, page, tally
from bench.configured_hosts import BIN, REPOSITORY, BenchError, Hosts, execute
from bench.measure import Command, run
from bench.settings import setting

COUNTING_SSH = '#!/bin/sh\necho ssh >>"$COURSEVM_TALLY"\nexec ssh "$@"\n'
NOW = "now"
BEFORE = "before"
PLAYBOOK = "ouseful.coursevm.configure"


def changes(recap: str) -> int:
    """Changed tasks in Ansible's recap; raises BenchError for a host that failed."""
    if re.search(r"(failed|unreachable)=[1-9]", recap):
        raise BenchError(f"the playbook failed:\n{recap[-3000:]}")
    return sum(int(count) for count in re.findall(r"changed=(\d+)", recap))


def collections_of(commit: str, directory: Path) -> str:
    """The collection as it was at a commit, where Ansible looks for it."""
    place = directory / "ansible_collections" / "ouseful" / "coursevm"
    place.mkdir(parents=True)
    archive = directory / "tree.tar"
    execute(["git", "archive", "--output", archive, commit])
    execute(["tar", "--extract", "--file", archive, "--directory", place])
    return str(directory)


def configure(hosts: Hosts, count: int, tree: str, collections: str) -> Run:
    """Run the playbook of a tree on the first hosts. Raises BenchError when it fails."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        ssh, told, log = place / "ssh", place / "tally", place / "log"
        ssh.write_text(COUNTING_SSH, encoding="utf-8")
        ssh.chmod(0o755)
        told.touch()
        limit = f"coursevm_students[0:{count - 1}]"
        command = [BIN / "ansible-playbook", "-i", hosts.inventory, "--limit", limit, PLAYBOOK]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_VAULT_PASSWORD_FILE": str(hosts.vault_password),
            "ANSIBLE_SSH_EXECUTABLE": str(ssh),
            "ANSIBLE_CALLBACK_PLUGINS": str(REPOSITORY / "bench" / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "tally",
            "COURSEVM_TALLY": str(told),
        }
        before = hosts.cpu()
        _, seconds, usage = run(Command(list(map(str, command)), environment, log, f"configure, {count} hosts"))
        hosts_cpu = hosts.cpu() - before
        parts = tally(told.read_text(encoding="utf-8").splitlines())
        changed = changes(log.read_text(encoding="utf-8", errors="replace"))
        return Run(tree, count, parts, seconds, usage.ru_utime + usage.ru_stime, hosts_cpu, changed)


def measure(hosts: Hosts, counts: list[int], rounds: int, trees: dict[str, str]) -> list[Run]:
    """All runs, the trees in turns. Raises BenchError when one has changed something."""
    runs = []
    for number in range(1, rounds + 1):
        for tree, collections in trees.items():
            # What another tree has made may differ; and one's own is to be made on every host
            configure(hosts, max(counts), tree, collections)
            for count in counts:
                runs.append(configure(hosts, count, tree, collections))
                if runs[-1].changed:
                    raise BenchError(f"a run that ought to change nothing did: {runs[-1]}")
                print(f"{number}: {tree}, {count} hosts: {runs[-1].seconds:.1f} s", file=sys.stderr)
    return runs


def facts(arguments: argparse.Namespace) -> dict[str, str]:
    """What one needs to know of a measurement."""
    described = execute(["git", "describe", "--always", "--dirty", "--exclude=*"]).strip()
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, shared by Ansible and all hosts",
        "load of the machine before, 1 minute": f"{os.getloadavg()[0]:.1f}",
        "course": f"inventories/{arguments.course}, {setting('forks')} forks",
        NOW: described,
        **({BEFORE: execute(["git", "rev-parse", "--short", arguments.before]).strip()} if arguments.before else {}),
        "rounds": f"{arguments.rounds}, of which the least is shown",
    }


def main() -> int:
    """Make the hosts, measure, remove them."""
    parser = argparse.ArgumentParser(prog="python -m bench.configure", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 5, 10], help="numbers of hosts to run with")
    parser.add_argument("--before", metavar="COMMIT", help="commit whose collection is measured for comparison")
    parser.add_argument("--course", default="demo", help="whose page in inventories/ says what runs on the hosts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--report", type=Path, default=REPOSITORY / "docs" / "performance-configure.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coursevm-bench-") as name:
        directory = Path(name)
        hosts = None
        try:
            told = facts(arguments)
            trees = {NOW: str(REPOSITORY / ".ansible" / "collections")}
            if arguments.before:
                trees = {BEFORE: collections_of(arguments.before, directory / "before"), **trees}
            hosts = Hosts(directory, arguments.course, max(arguments.hosts))
            hosts.make(1)
            print("Configuring the first host from nothing", file=sys.stderr)
            configure(hosts, 1, NOW, trees[NOW])
            image = hosts.keep()
            for number in range(2, max(arguments.hosts) + 1):
                hosts.make(number, molecule_image=image)
            report = page(measure(hosts, arguments.hosts, arguments.rounds, trees), told)
        except BenchError as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            if hosts:
                hosts.remove()
    arguments.report.write_text(report, encoding="utf-8")
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
