# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries out the plan of a cohort: servers and floating IPs concurrently, one poll for all.

Nova makes each server's port and removes it with the server. A floating IP is made as soon as its port is there, and
the polls go on meanwhile: Neutron takes seconds for one while servers are being built. It takes no lists of floating
IPs ("Bulk operation not supported"), or makes them one by one all the same.

What fails for one student is noted for that student and doesn't stop the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils import observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply import create_once
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import (
    VOLUME_MICROVERSION,
    Cloud,
    CloudError,
    moment,
)
from ansible_collections.ouseful.coursevm.plugins.module_utils.concurrency import Background, concurrently
from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import Cohort, Instance
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import CohortState, Port, Server
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import marker, owner_of_marker, tags
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Action, Plan
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_instances import (
    create_floating_ip,
    port_of,
    sorted_servers,
)
from ansible_collections.ouseful.coursevm.plugins.module_utils.transitions import GOALS, RECORDED, REQUESTS, next_status
from ansible_collections.ouseful.coursevm.plugins.module_utils.waiting import OnTheWay, Outcome, Waiting


def outcomes(state: CohortState, students: Iterable[str]) -> dict[str, Outcome]:
    """What is there for each student before anything is done."""
    made = {}
    for student in students:
        used, _spare = sorted_servers(student, state)
        own = [address for address in state.floating_ips if address.owner.student == student]
        made[student] = Outcome(used[0] if used else None, own[0] if own else None)
    return made


# Neutron's words
NO_PORT = re.compile(r"Port \S+ could not be found")


class Apply:
    """Carries out a plan.

    ``outcomes`` is kept up with what is done. ``tell`` takes lines about the progress. ``timeout`` (seconds) is for the
    whole cohort to come up, ``retries`` how often a server that comes up in ERROR, or another run's that vanishes, is
    made again, or asked again for a status it doesn't get to.
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
        self.concurrency = concurrency
        self.retries = retries
        self.wanted = {instance.student: instance for instance in desired.instances}
        how = {"timeout": timeout, "concurrency": concurrency, "tell": tell}
        self.waiting = Waiting(cloud, desired.cohort, outcomes, **how, on_left_to_others=self._share_floating_ip)
        self.used_up: dict[str, CloudError] = {}  # kinds of resource whose quota is used up
        self.unbound: dict[str, Action] = {}  # what is planned for floating IPs and awaits a port
        self.gone: dict[str, CloudError] = {}  # what Neutron said where that port was gone
        self.binding = Background(concurrency)

    def run(self, plan: Plan) -> None:
        """Do everything in the plan, and wait until no server is on its way any more."""
        steps: dict[tuple[str, str], list[Action]] = {}
        for action in plan.actions:
            steps.setdefault((action.verb, action.kind), []).append(action)

        def of(*pairs: tuple[str, str]) -> list[Action]:
            return [action for pair in pairs for action in steps.get(pair, [])]

        # Nova is at its work while Neutron is asked.
        self._remove(of(("delete", "server"), ("delete", "floating IP")))
        self._each(of(("create", "server")), self._create_server)
        self._expect(of(*((verb, "server") for verb in (*REQUESTS, "rebuild", "resize"))))
        self.unbound = {action.student: action for action in of(("bind", "floating IP"), ("create", "floating IP"))}
        with self.binding:
            self._bind(self.state.ports)
            self.waiting.until_there(self._bind_what_has_a_port)
        for student, action in self.unbound.items():
            if not self.outcomes[student].error:
                reason = self.gone.get(student, "the server got no address on its network")
                self.waiting.fail(student, f"{action.verb} {action.kind}: {reason}")
        # Now that no server is shelved or being built: Nova changes no metadata of those.
        changes = of(*(("change", kind) for kind in ("server", "metadata", "port", "volume")))
        self._each(changes, lambda action: getattr(self, f"_change_{action.kind}")(action))

    # One student's step, failing for that student alone

    def _each(self, actions: list[Action], function: Callable[[Action], Any]) -> None:
        concurrently(lambda action: self._attempt(action, function), actions, self.concurrency)

    def _attempt(self, action: Action, function: Callable[[Action], Any]) -> None:
        outcome = self.outcomes[action.student]
        if outcome.error:
            return
        try:
            if action.kind in self.used_up and action.verb == "create":
                raise self.used_up[action.kind]
            function(action)
            outcome.done.append(str(action))
        except CloudError as error:
            # Its port went with a server that failed
            if error.status == 404 and action.kind == "floating IP" and NO_PORT.search(str(error)):
                self.unbound[action.student], self.gone[action.student] = action, error
                return
            if error.is_quota:
                self.used_up[action.kind] = error
            self.waiting.fail(action.student, f"{action.verb} {action.kind}: {error}")

    # Removing

    def _remove(self, actions: list[Action]) -> None:
        paths = {"server": ("compute", "/servers"), "floating IP": ("network", "/floatingips")}

        def remove(action: Action) -> None:
            service, path = paths[action.kind]
            self.cloud.delete(service, f"{path}/{action.id}")
            if action.kind == "floating IP":
                self.outcomes[action.student].floating_ip = None

        self._each(actions, remove)
        leaving = {a.id: a.student for a in actions if a.kind == "server" and not self.outcomes[a.student].error}
        self.waiting.until_gone(leaving)

    # Changing in place

    def _change_server(self, action: Action) -> None:
        self.cloud.put("compute", f"/servers/{action.id}", {"server": dict(action.after)})

    def _change_metadata(self, action: Action) -> None:
        path = f"/servers/{action.id}/metadata"

        def look() -> dict[str, Any] | None:
            found = self.cloud.get("compute", path)
            return found if action.after.items() <= found["metadata"].items() else None

        create_once(self.cloud, "compute", path, {"metadata": dict(action.after)}, look)

    def _change_port(self, action: Action) -> None:
        groups = list(self.state.names.security_group_ids)
        port_id = action.id
        if port_id is None:  # of a server that this run has made
            server_id = self._server_id(action.student)
            port = self._port_of(action.student, observed.ports(self.cloud, [server_id]))
            if port is None:
                raise CloudError("the server got no port on its network")
            port_id = port.id
        self.cloud.put("network", f"/ports/{port_id}", {"port": {"security_groups": groups}})

    def _change_volume(self, action: Action) -> None:
        server = self.outcomes[action.student].server
        if len(server.volumes) != 1:
            raise CloudError(
                f"the server has {len(server.volumes)} volumes; set it by hand for that which it boots from"
            )
        ((volume_id, _goes_along),) = server.volumes
        path = f"/servers/{server.id}/os-volume_attachments/{volume_id}"
        body = {"volumeAttachment": {"volumeId": volume_id, **action.after}}
        self.cloud.put("compute", path, body, microversion=VOLUME_MICROVERSION)

    # Floating IPs

    def _bind_what_has_a_port(self, servers: dict[str, Server]) -> None:
        """Give a floating IP to those whose server has an address by now."""
        ids = [self._server_id(student) for student in list(self.unbound)]
        up = {server.id for server in servers.values() if server.addresses and server.status != "ERROR"}
        ready = [server_id for server_id in ids if server_id in up]
        if ready:
            self._bind(self.cloud.poll(lambda: observed.ports(self.cloud, ready)))

    def _server_id(self, student: str) -> str | None:
        way, server = self.waiting.on_the_way.get(student), self.outcomes[student].server
        return way.server_id if way else server.id if server else None

    def _port_of(self, student: str, ports: Iterable[Port]) -> Port | None:
        network_id, _name = self.state.names.networks[self.desired.network_of(self.wanted[student])]
        return port_of(self._server_id(student), ports, network_id)

    def _bind(self, ports: Iterable[Port]) -> None:
        makers = {"bind": self._bind_floating_ip, "create": self._create_floating_ip}
        for student in list(self.unbound):
            port = self._port_of(student, ports)
            if port:
                action = self.unbound.pop(student)
                self.binding.start(self._attempt, action, partial(makers[action.verb], port=port))

    def _there(self) -> dict[str, dict[str, Any]]:
        """The cohort's floating IPs as they are now, by student."""
        listed = self.cloud.list("network", "/floatingips", "floatingips", {"project_id": self.cloud.project_id})
        return by_student(self.desired.cohort, listed)

    def _create_floating_ip(self, action: Action, port: Port) -> None:
        body = {
            "floating_network_id": self.state.names.floating_network_id,
            "port_id": port.id,
            "description": marker(self.desired.cohort, action.student, self.desired.floating_network),
        }

        def look() -> dict[str, Any] | None:
            found = self._there().get(action.student)
            return {"floatingip": found} if found else None

        try:
            answer = create_once(self.cloud, "network", "/floatingips", {"floatingip": body}, look)
        except CloudError as error:
            # Neutron gives a port no second one: another run may have made it.
            answer = look() if error.status == 409 and not error.is_quota else None
            if not answer:
                raise
        self._note_floating_ip(action.student, answer["floatingip"])

    def _note_floating_ip(self, student: str, body: dict[str, Any]) -> None:
        address = observed.floating_ip(body)
        self.outcomes[student].floating_ip = address
        if student not in self.waiting.on_the_way:  # otherwise the server will be told with it
            self.waiting.tell(f"{student}: floating IP {address.name}")

    def _bind_floating_ip(self, action: Action, port: Port) -> None:
        answer = self.cloud.put("network", f"/floatingips/{action.id}", {"floatingip": {"port_id": port.id}})
        self._note_floating_ip(action.student, answer["floatingip"])

    def _bind_again(self, student: str) -> None:
        """Have the floating IP follow from the port of the server before."""
        self.binding.wait()
        address = self.outcomes[student].floating_ip
        if address:
            self.unbound[student] = Action("bind", "floating IP", address.name, student, address.id)

    def _share_floating_ip(self, student: str) -> None:
        """Have one for the server that another run has made: whichever of the two makes it first, not both."""
        self._bind_again(student)
        outcome, create = self.outcomes[student], create_floating_ip(self.wanted[student])
        if str(create) in outcome.done:
            self.cloud.delete("network", f"/floatingips/{outcome.floating_ip.id}")
            outcome.done.remove(str(create))
            outcome.floating_ip = None
            self.unbound[student] = create

    # Servers

    def _create_server(self, action: Action) -> None:
        self._expect_up(action.student, self._post_server(self.wanted[action.student]), made_by=str(action))

    def _server_body(self, instance: Instance) -> dict[str, Any]:
        desired, image_id = self.desired, self.state.image_id
        body = {
            "name": instance.name,
            "flavorRef": self.state.names.flavor_id,
            "networks": [{"uuid": self.state.names.networks[desired.network_of(instance)][0]}],
            "metadata": {**instance.full_metadata, **desired.lasting_facts(image_id)},
            "tags": list(tags(desired.cohort, instance.student)),
        }
        if desired.volume_size is None:
            body["imageRef"] = image_id
        else:
            volume = {"boot_index": 0, "source_type": "image", "uuid": image_id, "destination_type": "volume"}
            # One that is to stay stays from when its server is up: nobody needs that of a server that never was
            volume |= {"volume_size": desired.volume_size, "delete_on_termination": True}
            body["block_device_mapping_v2"] = [volume]
        groups = self.state.names.security_group_ids
        optional = {
            "security_groups": groups and [{"name": group_id} for group_id in groups],
            "user_data": instance.encoded_user_data,
            "availability_zone": desired.availability_zone,
            "key_name": desired.key_name,
            "config_drive": desired.config_drive,
        }
        body |= {key: value for key, value in optional.items() if value}
        hints = {"os:scheduler_hints": {"group": group}} if (group := self.state.names.server_group_id) else {}
        return {"server": body, **hints}

    def _post_server(self, instance: Instance) -> str:
        cohort, body = self.desired.cohort, self._server_body(instance)

        def look() -> dict[str, Any] | None:
            found = [one for one in observed.servers(self.cloud, cohort) if one.owner.student == instance.student]
            # The youngest: an older one may be another run's, to which this one's has to give way
            return {"server": {"id": found[-1].id}} if found else None

        return create_once(self.cloud, "compute", "/servers", body, look)["server"]["id"]

    # What each server is waited for

    def _expect(self, moves: list[Action]) -> None:
        """Put every server on its way that is moved by the plan, or was on its way before."""
        goal = GOALS.get(self.desired.state)
        flavor = self.state.names.flavor if self.desired.state == "resized" and self.state.names else None
        for action in moves:
            self.waiting.on_the_way[action.student] = OnTheWay(
                action.id,
                1 + self.retries,
                step=str(action),
                goal=goal,
                flavor=flavor,
                ask=partial(self._ask, action.student),
            )
        for student, outcome in self.outcomes.items():
            server = outcome.server
            if not server or outcome.error or student in self.waiting.on_the_way:
                continue
            following = next_status(server.status, server.task_state)
            if server.status == "BUILD":
                self._expect_up(student, server.id)
            elif goal and following != server.status and following in goal.statuses:
                self.waiting.on_the_way[student] = OnTheWay(server.id, 0, goal=goal)

    def _expect_up(self, student: str, server_id: str, made_by: str | None = None) -> None:
        instance = self.wanted[student]
        self.waiting.on_the_way[student] = OnTheWay(
            server_id,
            self.retries,
            step=f"create server {instance.name} again",
            make=partial(self._make_again, instance),
            made_by=made_by,
        )

    def _make_again(self, instance: Instance) -> str:
        server_id = self._post_server(instance)
        self._bind_again(instance.student)
        return server_id

    def _ask(self, student: str, verb: str) -> None:
        server = self.outcomes[student].server
        if verb == "rebuild":
            body = self._rebuild_body(student, server)
        elif verb == "resize":
            body = {"resize": {"flavorRef": self.state.names.flavor_id}}
        else:
            body = REQUESTS[verb]
        path, recorded = f"/servers/{server.id}", RECORDED.get(verb, verb)
        # What is older has changed the server since, or else it wouldn't be idle
        last_change = moment(server.updated_at) if server.updated_at else self.cloud.now()

        def look() -> dict[str, Any] | None:
            listed = observed.recorded_actions(self.cloud, server.id)
            return next(
                (one for one in listed if one["action"] == recorded and moment(one["start_time"]) >= last_change), None
            )

        create_once(self.cloud, "compute", f"{path}/action", body, look)

    def _rebuild_body(self, student: str, server: Server) -> dict[str, Any]:
        """The disk from the declared image; Nova replaces the whole metadata, so what else there is goes along."""
        wanted = self.wanted[student]
        body = {
            "imageRef": self.state.image_id,
            "metadata": {**dict(server.metadata), **wanted.full_metadata},
            "user_data": wanted.encoded_user_data or None,
        }
        if self.desired.key_name is not None:
            body["key_name"] = self.desired.key_name
        return {"rebuild": body}


def by_student(cohort: str, bodies: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Neutron's resources by the student of the cohort whose they are."""
    owners = ((owner_of_marker(body["description"]), body) for body in bodies)
    return {owner.student: body for owner, body in owners if owner and owner.cohort == cohort and owner.student}
