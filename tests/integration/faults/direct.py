"""Runs the modules as processes of their own, without a playbook, and counts what is on the cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.integration.conftest import CLOUDS, REPOSITORY, USER_CLOUD
from tests.integration.engine.conftest import Engine

# Seconds that the modules wait for an answer: less than the proxy's delay, more than the cloud ever needs.
API_TIMEOUT = 12
# Whether everything is to be tried, or a part of it.
ALL = os.environ.get("COURSEVM_FAULTS") == "all"
STUDENTS = ["ada", "grace", "s1", *(["s2", "s3"] if ALL else [])]
# What is on the cloud when all is made.
STACK = {"networks": 1, "subnets": 1, "routers": 1, "security_groups": 1}
INSTANCES = {"servers": len(STUDENTS), "ports": len(STUDENTS), "floating_ips": len(STUDENTS)}


class Direct(Engine):
    """One cohort; a module is run as `python -m`, which is what Ansible does in the end."""

    def call(self, task, proxy=None, check=False) -> dict:
        """The result of one module, whose requests go through ``proxy``."""
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
            timeout=300,
            check=False,
        )
        assert "Traceback" not in process.stdout + process.stderr, process.stdout + process.stderr
        return json.loads(process.stdout)

    def settle(self, task) -> list[str]:
        """Run until nothing changes any more, once or twice; what is wrong with that."""
        first = self.call(task)
        if first.get("failed"):
            return [f"the re-run failed: {first['msg']}"]
        if not first["changed"]:
            return []
        again = self.call(task)
        return [f"the third run: {again.get('msg') or words(again)}"] if again.get("failed") or again["changed"] else []

    def asked(self, action) -> list[int]:
        """How often each student's server was asked for it, as Nova recorded."""
        recorded = [self.cloud.compute.server_actions(self.server(student)) for student in STUDENTS]
        return [sum(one.action == action for one in listed) for listed in recorded]

    def amounts(self) -> dict[str, int]:
        """How many there are of each kind of resource."""
        return {kind: len(names) for kind, names in self.remains().items() if names}


def words(result: dict) -> list[str]:
    """What a module did."""
    return result.get("actions") or [action for one in result.get("instances", []) for action in one["actions"]]
