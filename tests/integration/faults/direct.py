"""Runs the modules again until nothing changes, and counts what is on the cloud."""

from __future__ import annotations

import os

from tests.integration.engine.conftest import Engine

# Whether everything is to be tried, or a part of it.
ALL = os.environ.get("COURSEVM_FAULTS") == "all"
STUDENTS = ["ada", "grace", *(["s1", "s2", "s3"] if ALL else [])]
# What is on the cloud when all is made.
STACK = {"networks": 1, "subnets": 1, "routers": 1, "security_groups": 1}
INSTANCES = {"servers": len(STUDENTS), "ports": len(STUDENTS), "floating_ips": len(STUDENTS)}


class Direct(Engine):
    """One cohort."""

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
