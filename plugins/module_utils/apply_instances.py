# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries out the plan of a cohort: ports in lists, servers and floating IPs concurrently, one poll for all.

Neutron takes no lists of floating IPs ("Bulk operation not supported"), or makes them one after the other all the same.

What fails for one student is noted for that student and doesn't stop the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils import observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply import create_once
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud, CloudError, concurrently
from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import Cohort, Instance
from ansible_collections.ouseful.coursevm.plugins.module_utils.faults import explain
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import CohortState, FloatingIP, Port, Server
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import marker, owner_of_marker, tags
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Action, Plan

PORTS_A_REQUEST = 50
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
# A poll waits this part of the time that has passed already.
PAUSE_SHARE = 0.2
TELL_EVERY = 15


@dataclass
class Building:
    """A server that is on its way up, or on its way down before the next try."""

    server_id: str
    started: float
    retries: int
    leaving: bool = False


@dataclass
class Outcome:
    """What there is for one student when all is done."""

    server: Server | None = None
    port: Port | None = None
    floating_ip: FloatingIP | None = None
    seconds: float | None = None
    error: str | None = None
    done: list[str] = field(default_factory=list)


def outcomes(state: CohortState, students: Iterable[str]) -> dict[str, Outcome]:
    """What is there for each student before anything is done."""
    made = {student: Outcome() for student in students}
    for attribute, resources in (("port", state.ports), ("floating_ip", state.floating_ips), ("server", state.servers)):
        for resource in resources:
            student = resource.owner.student
            if student in made:
                setattr(made[student], attribute, resource)
    return made


class Apply:
    """Carries out a plan.

    ``outcomes`` is kept up with what is done. ``tell`` takes lines about the progress. ``timeout`` (seconds) is for the
    whole cohort to come up, ``retries`` how often a server that comes up in ERROR is made again.
    """

    def __init__(
        self,
        cloud: Cloud,
        desired: Cohort,
        state: CohortState,
        outcomes: dict[str, Outcome],
        *,
        timeout: int,
        concurrency: int,
        retries: int,
        tell: Callable[[str], None],
    ) -> None:
        self.cloud = cloud
        self.desired = desired
        self.state = state
        self.outcomes = outcomes
        self.timeout = timeout
        self.concurrency = concurrency
        self.retries = retries
        self.tell = tell
        self.wanted = {instance.student: instance for instance in desired.instances}
        self.polls = 0
        self.building: dict[str, Building] = {}
        self.used_up: dict[str, CloudError] = {}  # kinds of resource whose quota is used up

    def run(self, plan: Plan) -> None:
        """Do everything in the plan, then wait until no server is on its way any more."""
        steps: dict[tuple[str, str], list[Action]] = {}
        for action in plan.actions:
            steps.setdefault((action.verb, action.kind), []).append(action)

        def of(*pairs: tuple[str, str]) -> list[Action]:
            return [action for pair in pairs for action in steps.get(pair, [])]

        self._remove(of(("delete", "floating IP"), ("delete", "server")), of(("delete", "port")))
        changes = of(("change", "server"), ("change", "metadata"), ("change", "port"))
        self._each(changes, lambda action: getattr(self, f"_change_{action.kind}")(action))
        self._create_ports(of(("create", "port")))
        # Servers first: they need the longest.
        makers = {
            ("create", "server"): self._create_server,
            ("bind", "floating IP"): self._bind_floating_ip,
            ("create", "floating IP"): self._create_floating_ip,
        }
        self._each(of(*makers), lambda action: makers[action.verb, action.kind](action))
        self._wait_for_servers()

    # One student's step, failing for that student alone

    def _each(self, actions: list[Action], function: Callable[[Action], Any]) -> None:
        concurrently(lambda action: self._attempt(action, function), actions, self.concurrency)

    def _attempt(self, action: Action, function: Callable[[Action], Any]) -> None:
        outcome = self.outcomes[action.student]
        if outcome.error:
            return
        try:
            if action.kind in self.used_up and action.verb != "delete":
                raise self.used_up[action.kind]
            function(action)
            outcome.done.append(str(action))
        except CloudError as error:
            if error.is_quota:
                self.used_up[action.kind] = error
            self._fail(action.student, f"{action.verb} {action.kind}: {error}")

    def _fail(self, student: str, reason: str) -> None:
        self.outcomes[student].error = reason
        self.tell(f"{student}: {reason}")

    # Removing

    def _remove(self, actions: list[Action], ports: list[Action]) -> None:
        self._each([action for action in actions if action.kind == "floating IP"], self._delete_floating_ip)
        leaving = [action for action in actions if action.kind == "server"]
        self._each(leaving, lambda action: self.cloud.delete("compute", f"/servers/{action.id}"))
        self._wait_until_gone([action for action in leaving if not self.outcomes[action.student].error])
        self._each(ports, self._delete_port)

    def _delete_floating_ip(self, action: Action) -> None:
        self.cloud.delete("network", f"/floatingips/{action.id}")
        self.outcomes[action.student].floating_ip = None

    def _delete_port(self, action: Action) -> None:
        self.cloud.delete("network", f"/ports/{action.id}")
        self.outcomes[action.student].port = None

    def _wait_until_gone(self, actions: list[Action]) -> None:
        waiting = {action.id: action.student for action in actions}
        started = time.monotonic()
        while waiting:
            there = self._poll(started)
            for server_id, student in list(waiting.items()):
                server = there.get(server_id)
                if server is None:
                    del waiting[server_id]
                    self.outcomes[student].server = None
                    self.tell(f"{student}: server removed, {_since(started)}")
                elif server.status == "ERROR" and server.task_state is None:
                    del waiting[server_id]
                    self._fail(student, f"delete server: {explain(server.fault)}")
            if waiting and time.monotonic() - started > self.timeout:
                for student in waiting.values():
                    self._fail(student, f"delete server: not gone after {self.timeout} s; run again to go on")
                return

    # Changing in place

    def _change_server(self, action: Action) -> None:
        self.cloud.put("compute", f"/servers/{action.id}", {"server": dict(action.after)})

    def _change_metadata(self, action: Action) -> None:
        self.cloud.post("compute", f"/servers/{action.id}/metadata", {"metadata": dict(action.after)})

    def _change_port(self, action: Action) -> None:
        groups = list(self.state.names.security_group_ids)
        self.cloud.put("network", f"/ports/{action.id}", {"port": {"security_groups": groups}})

    # Ports and floating IPs

    def _there(self, path: str, plural: str) -> dict[str, dict[str, Any]]:
        """Neutron's resources of the cohort as they are now, by student."""
        listed = self.cloud.list("network", path, plural, {"project_id": self.cloud.project_id})
        return by_student(self.desired.cohort, listed)

    def _create(self, student: str, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create one of a student's Neutron resources."""

        def look() -> dict[str, Any] | None:
            found = self._there(path, f"{key}s").get(student)
            return {key: found} if found else None

        return create_once(self.cloud, "network", path, {key: body}, look)[key]

    def _create_ports(self, actions: list[Action]) -> None:
        """Create ports in lists; a list that is refused or lost is gone through one by one."""
        waiting = [action for action in actions if not self.outcomes[action.student].error]
        for start in range(0, len(waiting), PORTS_A_REQUEST):
            part = waiting[start : start + PORTS_A_REQUEST]
            body = {"ports": [self._port_body(action.student) for action in part]}
            students = {action.student for action in part}
            try:
                made = create_once(
                    self.cloud, "network", "/ports", body, lambda wanted=students: self._all_ports(wanted)
                )
                found = by_student(self.desired.cohort, made["ports"])
            except CloudError as error:
                found = self._there("/ports", "ports") if error.lost else {}
            for action in part:
                if action.student in found:
                    self.outcomes[action.student].port = observed.port(found[action.student])
                    self.outcomes[action.student].done.append(str(action))
                else:  # the first that meets a used up quota spares the others the request, see _attempt
                    self._attempt(action, self._create_port)

    def _all_ports(self, students: set[str]) -> dict[str, Any] | None:
        there = self._there("/ports", "ports")
        return {"ports": [there[student] for student in students]} if students <= set(there) else None

    def _port_body(self, student: str) -> dict[str, Any]:
        names = self.state.names
        body = {
            "network_id": names.network_id,
            "name": self.wanted[student].name,
            "description": marker(self.desired.cohort, student),
        }
        if names.security_group_ids is not None:
            body["security_groups"] = list(names.security_group_ids)
        return body

    def _create_port(self, action: Action) -> None:
        body = self._port_body(action.student)
        self.outcomes[action.student].port = observed.port(self._create(action.student, "/ports", "port", body))

    def _create_floating_ip(self, action: Action) -> None:
        body = {
            "floating_network_id": self.state.names.floating_network_id,
            "port_id": self.outcomes[action.student].port.id,
            "description": marker(self.desired.cohort, action.student, self.desired.floating_network),
        }
        answer = self._create(action.student, "/floatingips", "floatingip", body)
        self.outcomes[action.student].floating_ip = observed.floating_ip(answer)

    def _bind_floating_ip(self, action: Action) -> None:
        port = self.outcomes[action.student].port
        answer = self.cloud.put("network", f"/floatingips/{action.id}", {"floatingip": {"port_id": port.id}})
        self.outcomes[action.student].floating_ip = observed.floating_ip(answer["floatingip"])

    # Servers

    def _create_server(self, action: Action) -> None:
        self.building[action.student] = Building(
            self._post_server(self.wanted[action.student]), time.monotonic(), self.retries
        )

    def _post_server(self, instance: Instance) -> str:
        cohort = self.desired.cohort
        body = {
            "name": instance.name,
            "imageRef": self.state.image_id,
            "flavorRef": self.state.names.flavor_id,
            "networks": [{"port": self.outcomes[instance.student].port.id}],
            "metadata": instance.full_metadata,
            "tags": list(tags(cohort, instance.student)),
        }
        if instance.user_data:
            body["user_data"] = instance.encoded_user_data
        if self.desired.availability_zone:
            body["availability_zone"] = self.desired.availability_zone

        def look() -> dict[str, Any] | None:
            found = observed.servers(self.cloud, cohort)
            own = next((server for server in found if server.owner.student == instance.student), None)
            return {"server": {"id": own.id}} if own else None

        return create_once(self.cloud, "compute", "/servers", {"server": body}, look)["server"]["id"]

    def _wait_for_servers(self) -> None:
        """Poll the cohort until each server is up, or has failed as often as allowed."""
        started = time.monotonic()
        for student, outcome in self.outcomes.items():
            under_way = outcome.server and outcome.server.status == "BUILD" and not outcome.error
            if under_way and student not in self.building:
                self.building[student] = Building(outcome.server.id, started, self.retries)
        total = len(self.building)
        up = told = 0
        told_at = started
        while self.building:
            try:
                there = self._poll(started)
            except CloudError as error:
                self.tell(f"the cloud doesn't answer just now: {error}")
            else:
                again = [student for student in list(self.building) if self._follow(student, there)]
                concurrently(self._try_again, again, self.concurrency)
            up = total - len(self.building)
            if self.building and (up != told or time.monotonic() - told_at > TELL_EVERY):
                self.tell(f"{up} of {total} settled, {_since(started)}")
                told, told_at = up, time.monotonic()
            if time.monotonic() - started > self.timeout:
                for student in list(self.building):
                    self._give_up(
                        student, f"not up after {self.timeout} s ({self._state_of(student)}); run again to wait on"
                    )

    def _state_of(self, student: str) -> str:
        server = self.outcomes[student].server
        return f"{server.status}, {server.task_state}" if server else "not seen yet"

    def _give_up(self, student: str, reason: str) -> None:
        del self.building[student]
        self._fail(student, reason)

    def _follow(self, student: str, there: dict[str, Server]) -> bool:
        """Take in what the poll says of one student's server; True when it has to be made again."""
        building = self.building[student]
        server = there.get(building.server_id)
        if building.leaving:
            if server is None:
                self.outcomes[student].server = None
            return server is None
        if server is None:
            self._give_up(student, "the server vanished while it was being built: somebody or the cloud removed it")
            return False
        outcome = self.outcomes[student]
        outcome.server = server
        if server.status == "ERROR":
            self._handle_fault(student, building, explain(server.fault))
        elif server.status != "BUILD":
            outcome.seconds = round(time.monotonic() - building.started, 1)
            del self.building[student]
            address = f" ({outcome.floating_ip.name})" if outcome.floating_ip else ""
            self.tell(f"{student}: {server.status} after {outcome.seconds:.0f} s{address}")
        return False

    def _handle_fault(self, student: str, building: Building, reason: str) -> None:
        if building.retries <= 0:
            self._give_up(student, f"the server came up in ERROR: {reason}")
            return
        self.tell(f"{student}: ERROR ({reason}); removing it and trying again")
        try:
            self.cloud.delete("compute", f"/servers/{building.server_id}")
        except CloudError as error:
            self._give_up(student, f"remove server in ERROR: {error}")
        else:
            building.retries -= 1
            building.leaving = True

    def _try_again(self, student: str) -> None:
        building = self.building[student]
        try:
            building.server_id = self._post_server(self.wanted[student])
        except CloudError as error:
            self._give_up(student, f"create server: {error}")
        else:
            building.started, building.leaving = time.monotonic(), False
            self.outcomes[student].done.append(f"create server {self.wanted[student].name} again")

    def _poll(self, started: float) -> dict[str, Server]:
        """The cohort's servers by id, after a pause that grows with the time since ``started``."""
        time.sleep(min(LONGEST_PAUSE, max(FIRST_PAUSE, PAUSE_SHARE * (time.monotonic() - started))))
        self.polls += 1
        return {server.id: server for server in observed.servers(self.cloud, self.desired.cohort)}


def by_student(cohort: str, bodies: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Neutron's resources by the student of the cohort whose they are."""
    owners = ((owner_of_marker(body["description"]), body) for body in bodies)
    return {owner.student: body for owner, body in owners if owner and owner.cohort == cohort and owner.student}


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.0f} s"
