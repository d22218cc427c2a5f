"""Runs the modules through Ansible on the development cloud, and looks at the result with openstacksdk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import openstack
import pytest

from tests.integration.conftest import CLOUDS, REPOSITORY, USER_CLOUD

# Seconds that the modules wait for an answer: less than the proxy's delay, more than the cloud ever needs.
API_TIMEOUT = 12


@dataclass
class Run:
    """The results of the modules of one play, its output and how long it took."""

    results: list[dict]
    output: str
    seconds: float


class Engine:
    """One cohort with a name of its own; runs modules for it."""

    def __init__(self, directory: Path, cloud: openstack.connection.Connection) -> None:
        self.directory = directory
        self.cloud = cloud
        self.cohort = f"t{uuid.uuid4().hex[:6]}"
        self.network = f"coursevm-{self.cohort}"

    def stack(self, **changes):
        """A task that declares the network stack."""
        declared = {
            "external_network": "public",
            "subnets": [{"cidr": "10.77.0.0/24"}],
            "security_group_rules": [
                {"protocol": "tcp", "port_range_min": 22, "remote_ip_prefix": "0.0.0.0/0", "description": "SSH"},
                {"protocol": "icmp", "port_range_min": 8, "port_range_max": 0},
            ],
        }
        return ("network_stack", {**declared, **changes})

    def instances(self, *students, **changes):
        """A task that declares instances on the fake compute host."""
        declared = {
            "image": "fake-image",
            "flavor": "m1.nano",
            "network": self.network,
            "security_groups": [self.network],
            "floating_network": "public",
            "availability_zone": "fake",
            "timeout": 60 + 10 * len(students),
            "instances": [{"student": s} if isinstance(s, str) else s for s in students],
        }
        return ("instances", {**declared, **changes})

    def run(self, *tasks, check=False) -> Run:
        """Run the tasks in one play; a task that fails doesn't end it."""
        files = [self.directory / f"result-{number}.json" for number in range(len(tasks))]
        play = {"hosts": "localhost", "gather_facts": False, "tasks": []}
        for file, (module, arguments) in zip(files, tasks, strict=True):
            common = {"cloud": USER_CLOUD, "cohort": self.cohort}
            play["tasks"] += [
                {f"ouseful.coursevm.{module}": common | arguments, "register": "result", "ignore_errors": True},
                {
                    "ansible.builtin.copy": {"content": "{{ result | to_json }}", "dest": str(file)},
                    "check_mode": False,
                    "diff": False,
                },
            ]
        playbook = self.directory / "play.yml"
        playbook.write_text(json.dumps([play]))
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "--diff", "-i", self._inventory()]
        started = time.monotonic()
        process = subprocess.run(
            [*command, *(["--check"] if check else []), str(playbook)],
            cwd=REPOSITORY,
            env={**os.environ, "OS_CLIENT_CONFIG_FILE": str(CLOUDS), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        output = process.stdout + process.stderr
        print(output)
        assert process.returncode == 0, output
        assert "Traceback" not in output
        return Run([json.loads(file.read_text()) for file in files], output, time.monotonic() - started)

    def call(self, task, proxy=None, check=False) -> dict:
        """The result of one module, without a playbook; its requests go through ``proxy``.

        It is run as `python -m`, which is what Ansible does in the end.
        """
        module, arguments = task
        common = {"cloud": USER_CLOUD, "cohort": self.cohort, "_ansible_check_mode": check}
        common |= {"api_timeout": API_TIMEOUT} if proxy else {}
        unset = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        process = subprocess.run(
            [sys.executable, "-m", f"ansible_collections.ouseful.coursevm.plugins.modules.{module}"],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": common | arguments}),
            env={
                **unset,
                **({"http_proxy": proxy.url} if proxy else {}),
                "OS_CLIENT_CONFIG_FILE": str(CLOUDS),
                "PYTHONPATH": str(REPOSITORY / ".ansible" / "collections"),
            },
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert "Traceback" not in process.stdout + process.stderr, process.stdout + process.stderr
        return json.loads(process.stdout)

    def _inventory(self) -> str:
        file = self.directory / "hosts.json"
        variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        file.write_text(json.dumps({"all": {"hosts": {"localhost": variables}}}))
        return str(file)

    def remains(self) -> dict[str, list]:
        """Everything on the cloud that has the cohort's name in its name or description; ports of its servers."""
        network = self.cloud.network
        servers = [server for server in self.cloud.compute.servers() if self.cohort in server.name]
        by_id = {server.id: server.name for server in servers}
        kinds = {
            "servers": servers,
            "floating_ips": network.ips(),
            "networks": network.networks(),
            "subnets": network.subnets(),
            "routers": network.routers(),
            "security_groups": network.security_groups(),
            "keypairs": self.cloud.compute.keypairs(),
            "server_groups": self.cloud.compute.server_groups(),
            "images": self.cloud.image.images(),
        }
        found = {
            kind: [one.name for one in resources if self.cohort in f"{one.name} {getattr(one, 'description', '')}"]
            for kind, resources in kinds.items()
        }
        own = {one.id for one in network.networks() if self.cohort in one.name}
        ports = network.ports(project_id=self.cloud.current_project_id)
        on_servers = [
            port
            for port in ports
            if port.device_id in by_id or (port.network_id in own and not port.device_owner.startswith("network:"))
        ]
        return {**found, "ports": [by_id.get(port.device_id, port.id) for port in on_servers]}

    def server(self, student):
        """A student's server as openstacksdk sees it."""
        return self.cloud.compute.find_server(f"{self.cohort}-{student}", ignore_missing=False)

    def port_of(self, student):
        """Id of the port that a student's server is on."""
        return next(self.cloud.network.ports(device_id=self.server(student).id)).id


@pytest.fixture(scope="module")
def engine(cloud, tmp_path_factory):
    """A cohort for one module's tests; nothing of it is left at the end."""
    made = Engine(tmp_path_factory.mktemp("engine"), cloud)
    yield made
    students = {name.removeprefix(f"{made.cohort}-") for name in made.remains()["servers"]}
    made.run(made.instances(*students, state="absent"), made.stack(state="absent"))
