"""`make bench`: the same cohort with several clients on the dev cloud, measured."""

from __future__ import annotations

import argparse
import difflib
import fcntl
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.bare import Cloud, Refused, credentials
from bench.measure import AccessLogs, Command, Cost, MeasureError, cost
from bench.project import NAME, Project, in_words
from bench.report import STEPS, Result, markdown
from bench.settings import setting

REPOSITORY = Path(__file__).parents[1]
PEERS = Path(__file__).parent / "peers"
CLOUDS = Path(os.environ.get("OS_CLIENT_CONFIG_FILE", "/var/lib/coursevm/dev_cloud/clouds.yaml"))
ADMIN = "coursevm-dev-admin"
OWN_BIN, PEERS_BIN = Path(sys.executable).parent, REPOSITORY / ".cache/bench/bin"
LOGS = REPOSITORY / "build/bench"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CONCURRENCIES = (2, 4, 8, 16)
CLIENTS = (
    "coursevm",
    *(f"floor-{workers}{order}" for workers in CONCURRENCIES for order in ("", "-router-first")),
    "heat",
    "openstack_cloud",
    "openstack_cloud_auto_ip",
)
USUAL = ("coursevm:3", "floor-4:2", "floor-8:2", "floor-8-router-first:2", "heat", "openstack_cloud")


class BenchError(Exception):
    """Why the benchmark can't run, in words."""


@dataclass(frozen=True)
class Peer:
    """A client and how often it runs."""

    client: str
    repetitions: int

    def command(self, step: str, size: int) -> list[str]:
        """What a user would type for that step."""
        playbook = self.client.removesuffix("_auto_ip")
        if playbook in ("coursevm", "openstack_cloud"):
            variables = {
                "bench_students": [{"student": f"s{number}"} for number in range(1, size + 1)],
                "bench_state": "absent" if step == "teardown" else "present",
                "bench_own_addresses": playbook == self.client,
            }
            binary = (OWN_BIN if playbook == "coursevm" else PEERS_BIN) / "ansible-playbook"
            return [str(binary), str(PEERS / f"{playbook}.yml"), "--extra-vars", json.dumps(variables)]
        if self.client == "heat":
            return [str(PEERS_BIN / "python"), str(PEERS / "heat.py"), step, str(size)]
        _floor, workers, *order = self.client.split("-", 2)
        return [sys.executable, str(PEERS / "floor.py"), step, str(size), workers, *order]


def parse_peer(text: str) -> Peer:
    """A client and its repetitions, as in heat:2."""
    client, _colon, repetitions = text.partition(":")
    if client not in CLIENTS:
        near = difflib.get_close_matches(client, CLIENTS, 1)
        guess = f" Closest: {near[0]}." if near else ""
        raise argparse.ArgumentTypeError(f"no client is called '{client}'.{guess} There are: {', '.join(CLIENTS)}.")
    if not (repetitions or "1").isdigit() or repetitions == "0":
        raise argparse.ArgumentTypeError(f"'{text}': repetitions are a number of 1 or more, as in {client}:3.")
    return Peer(client, int(repetitions or 1))


def parse_size(text: str) -> int:
    """A number of students."""
    if not text.isdigit() or not 1 <= int(text) <= 200:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of students from 1 to 200.")
    return int(text)


def open_cloud() -> tuple[Cloud, dict[str, str]]:
    """The dev cloud's administrator, who makes the benchmark's project."""
    try:
        auth = credentials(CLOUDS, ADMIN)
        return Cloud(auth), auth
    except (OSError, KeyError, Refused) as error:
        raise BenchError(f"No dev cloud answers ({ADMIN} in {CLOUDS}: {error}). Start it: make dev-cloud") from error


@contextmanager
def only_one() -> Iterator[None]:
    """Two runs at once would measure each other."""
    with open(Path(tempfile.gettempdir()) / "coursevm-bench.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError("Another benchmark is running on this machine. Wait for it.") from None
        yield


@contextmanager
def own_project(admin: Cloud, auth: dict[str, str]) -> Iterator[Project]:
    """The project; removed at the end however it ends, and that is looked at."""
    project = Project(admin, auth)
    try:
        project.make()
        yield project
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        print("Removing the benchmark's project", flush=True)
        project.discard()
        left = in_words(project.traces())
        print(f"Left of it on the cloud: {left}", flush=True)
        if left != "nothing":
            raise BenchError(f"Not everything went: {left}")


class Bench:
    """Runs the clients one after the other in the project."""

    def __init__(self, project: Project, logs: AccessLogs, directory: Path) -> None:
        self.project = project
        self.logs = logs
        self.results: list[Result] = []
        self.notes: list[str] = []
        defaults = directory / "ansible.cfg"
        defaults.write_text(f"[defaults]\ninternal_poll_interval = {setting('internal_poll_interval')}\n")
        clouds = directory / "clouds.yaml"
        clouds.touch(mode=0o600)
        entry = {"auth": project.auth, "region_name": "RegionOne", "identity_api_version": 3, "api_timeout": 120}
        clouds.write_text(json.dumps({"clouds": {NAME: entry}}))  # JSON is YAML
        kept = {key: os.environ[key] for key in ("HOME", "PATH", "TMPDIR") if key in os.environ}
        self.environment = kept | {
            "LC_ALL": "C.UTF-8",
            "OS_CLIENT_CONFIG_FILE": str(clouds),
            "OS_CLOUD": NAME,
            "ANSIBLE_CONFIG": str(defaults),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        }

    def run(self, peers: Iterable[Peer], size: int) -> None:
        """The clients' lives of a cohort, in turns, since the cloud is not equally quick all the time."""
        left = list(peers)
        for repetition in itertools.count(1):
            left = [peer for peer in left if repetition <= peer.repetitions and self._life(peer, size, repetition)]
            if not left:
                return

    def _life(self, peer: Peer, size: int, repetition: int) -> bool:
        """One client's life of a cohort; False and a note where it failed."""
        title = f"{peer.client}, {size} students, run {repetition} of {peer.repetitions}"
        try:
            for step in STEPS:
                self._step(peer, size, step, title)
        except MeasureError as error:
            print(f"  {error}", file=sys.stderr, flush=True)
            self.notes.append(f"failed: {str(error).splitlines()[0]}")
            self.project.empty()
            return False
        return True

    def _step(self, peer: Peer, size: int, step: str, title: str) -> None:
        environment = dict(self.environment)
        if peer.client == "coursevm":
            environment["ANSIBLE_COLLECTIONS_PATH"] = str(REPOSITORY / ".ansible/collections")
        before = self.project.contents()
        log = LOGS / f"{peer.client}-{size}-{step}.log"
        command = Command(peer.command(step, size), environment, log, f"{title}: {step}")
        took = cost(command, self.logs, self.project.project_id)
        self._look(title, size, step, before)
        if took.strangers:
            self.notes.append(
                f"{title}: {step}: others made {took.strangers} requests meanwhile; they are not counted, except logins"
            )
        self.results.append(Result(peer.client, size, step, took))
        print(f"  {title}: {step}: {summary(took)}", flush=True)

    def _look(self, title: str, size: int, step: str, before: dict[str, list[dict]]) -> None:
        """Whether the client did what the step is."""
        there = self.project.contents()
        if step == "cold":
            active = [server for server in self.project.servers() if server["status"] == "ACTIVE"]
            bound = [address for address in there.get("floating IPs", []) if address["port_id"]]
            if (len(active), len(bound)) != (size, size):
                raise MeasureError(f"{title}: made {len(active)} active servers and {len(bound)} bound floating IPs")
        elif step == "unchanged" and ids(before) != ids(there):
            raise MeasureError(f"{title}: the unchanged run changed what is there")
        elif step == "teardown" and there:
            self.notes.append(f"{title}: left behind {in_words(there)}")
            self.project.empty()


def ids(contents: dict[str, list[dict]]) -> dict[str, set[str]]:
    """Ids of everything, by kind."""
    return {
        kind: {resource.get("id") or resource["name"] for resource in resources} for kind, resources in contents.items()
    }


def summary(took: Cost) -> str:
    """A line about one run."""
    services = ", ".join(f"{service} {count}" for service, count in took.requests.items() if count)
    return (
        f"{sum(took.requests.values())} requests ({services}), {took.seconds:.1f} s, "
        f"CPU {took.cpu:.1f} s, {took.memory:.0f} MiB"
    )


def facts(logs: AccessLogs, command: list[str]) -> dict[str, str]:
    """Date, machine and versions."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    virt_type = logs.in_container("cat", "/run/coursevm/virt-type.conf")
    versions = {
        "this collection": f"{git('describe', '--always', '--dirty')} with {installed(OWN_BIN)}",
        "openstack.cloud, Heat's client": installed(PEERS_BIN) if PEERS_BIN.exists() else "not installed",
    }
    package = logs.in_container("dpkg-query", "--show", "--showformat", "${Version}", "nova-common")
    return {
        "date": f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC",
        "command": f"`{' '.join(command)}`",
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GiB, KVM: {'yes' if 'kvm' in virt_type else 'no'}; "
        f"load average at the start {os.getloadavg()[0]:.1f}",
        "cloud": f"the dev cloud on the same machine, Nova {package}, servers on its fake host",
        **versions,
    }


def git(*arguments: str) -> str:
    """What git says of this repository; "unknown" outside of one."""
    process = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return process.stdout.strip() or "unknown"


def installed(binaries: Path) -> str:
    """Versions that matter in a virtual environment."""
    script = (
        "import platform, importlib.metadata as m, pathlib, json, sysconfig\n"
        "said = ['Python ' + platform.python_version()]\n"
        "said += [f'{n} {m.version(n)}' for n in ('ansible-core', 'openstacksdk', 'keystoneauth1')]\n"
        "manifest = pathlib.Path(sysconfig.get_path('purelib'), 'ansible_collections/openstack/cloud/MANIFEST.json')\n"
        "if manifest.exists():\n"
        "    said.append('openstack.cloud ' + json.loads(manifest.read_text())['collection_info']['version'])\n"
        "print(', '.join(said))\n"
    )
    return subprocess.check_output([str(binaries / "python"), "-c", script], text=True).strip()


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=parse_size, default=[10, 50], help="numbers of students")
    usual = [parse_peer(text) for text in USUAL]
    parser.add_argument(
        "--peers", nargs="+", type=parse_peer, default=usual, help=f"client[:repetitions], usually {' '.join(USUAL)}"
    )
    parser.add_argument("--report", type=Path, default=REPOSITORY / "docs/performance.md", help="file to write")
    arguments = parser.parse_args()
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    LOGS.mkdir(parents=True, exist_ok=True)
    try:
        need_peers_venv(arguments.peers)
        with only_one(), tempfile.TemporaryDirectory(prefix="coursevm-bench-") as directory:
            admin, auth = open_cloud()
            logs = AccessLogs(auth["auth_url"])
            named = [f"{peer.client}:{peer.repetitions}" for peer in arguments.peers]
            sizes = " ".join(map(str, arguments.sizes))
            about = facts(logs, ["make", "bench", f'SIZES="{sizes}"', f'PEERS="{" ".join(named)}"'])
            with own_project(admin, auth) as project:
                bench = Bench(project, logs, Path(directory))
                for size in arguments.sizes:
                    bench.run(arguments.peers, size)
        page = markdown(bench.results, about, bench.notes)
        arguments.report.write_text(page)
        print(f"\n{page}\nWritten to {arguments.report}")
        return 1 if any(note.startswith("failed") for note in bench.notes) else 0
    except (BenchError, MeasureError, Refused, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("bench: interrupted; nothing was written", file=sys.stderr)
    return 2


def need_peers_venv(peers: list[Peer]) -> None:
    """Whether the other clients are installed where they are asked for."""
    wanted = [peer.client for peer in peers if peer.client.startswith(("heat", "openstack_cloud"))]
    if wanted and not (PEERS_BIN / "ansible-playbook").exists():
        raise BenchError(f"{', '.join(wanted)}: not installed in {PEERS_BIN.parent}; `make bench` does that.")


if __name__ == "__main__":
    sys.exit(main())
