# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a wanted and an observed cohort to the steps in between. Pure: no I/O.

A plan made after the first look at the cloud is good only if it is settled, see observed.py: otherwise take the second
look and plan again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired as want
from ansible_collections.ouseful.coursevm.plugins.module_utils import observed as seen
from ansible_collections.ouseful.coursevm.plugins.module_utils.faults import explain
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Action, Drift, Plan, clash
from ansible_collections.ouseful.coursevm.plugins.module_utils.transitions import (
    GOALS,
    RESIZED,
    SHELVED,
    TAKE_METADATA,
    next_status,
)

ANEW = "it takes effect when the instance is made anew: remove it by name (state: absent) and run again"
RESIZE = "it takes effect when the instance is resized by name (state: resized), which starts it anew"
REBUILT = "it takes effect when the instance is rebuilt by name (state: rebuilt), which empties its disk"


def plan(desired: want.Cohort, state: seen.CohortState) -> Plan:
    """Plan a cohort; what can't be done for one student is refused for that student alone."""
    actions: list[Action] = []
    drift: list[Drift] = []
    refused: dict[str, str] = {}
    listed = [instance.student for instance in desired.instances]
    if desired.removes:
        _remove(listed, state, actions)
        return Plan(tuple(actions))
    if desired.prune:
        _remove(undeclared_students(desired, state), state, actions)
    for instance in desired.instances:
        own = _Student(desired, state, instance)
        reason = own.refusal()
        if reason:
            refused[instance.student] = reason
        else:
            actions += own.actions()
            drift += own.drift()
    return Plan(tuple(actions), tuple(drift), refused)


def undeclared_students(desired: want.Cohort, state: seen.CohortState) -> list[str]:
    """Students of the cohort who have something on the cloud and are not in the declaration."""
    listed = {instance.student for instance in desired.instances}
    resources = (*state.servers, *state.floating_ips)
    return sorted({r.owner.student for r in resources if r.owner and r.owner.student} - listed)


def _of(student: str, resources: tuple) -> list:
    return [resource for resource in resources if resource.owner and resource.owner.student == student]


def sorted_servers(student: str, state: seen.CohortState) -> tuple[list[seen.Server], list[seen.Server]]:
    """A student's servers: those which may hold work, or the oldest; and those made twice, which never ran.

    Two runs at once, of which one was killed, may leave two.
    """
    found = _of(student, state.servers)
    there = [server for server in found if server.task_state != "deleting"] or found[:1]
    used = [server for server in there if server.launched] or there[:1]
    return used, [server for server in there if server not in used]


def port_of(server_id: str, ports: Iterable[seen.Port], network_id: str | None) -> seen.Port | None:
    """A server's port, that on the network where it has several."""
    own = [port for port in ports if port.device_id == server_id]
    return next((port for port in own if port.network_id == network_id), own[0] if own else None)


def create_floating_ip(instance: want.Instance) -> Action:
    """The step that makes a floating IP for a student's server."""
    return Action("create", "floating IP", f"for {instance.name}", instance.student)


def _remove(students: list[str], state: seen.CohortState, actions: list[Action]) -> None:
    for kind, resources in (("floating IP", state.floating_ips), ("server", state.servers)):
        for student in students:
            for found in _of(student, resources):
                actions.append(Action("delete", kind, found.name, student, found.id, note=_left_behind(found)))


def _left_behind(resource: seen.Server | seen.FloatingIP) -> str:
    """What a server leaves when it is deleted, in words."""
    kept = [volume_id for volume_id, goes_along in getattr(resource, "volumes", ()) if not goes_along]
    return f"leaves volume {', '.join(kept)}" if kept else ""


def _hash(metadata: Mapping[str, str]) -> str | None:
    """The hash of the user data, short enough to read."""
    recorded = metadata.get(want.USER_DATA_FACT)
    return f"sha256 {recorded[:12]}" if recorded else None


class _Student:
    """The planning for one student: what is wanted beside what is there."""

    def __init__(self, desired: want.Cohort, state: seen.CohortState, instance: want.Instance) -> None:
        self.desired = desired
        self.state = state
        self.wanted = instance
        self.servers, self.spare_servers = sorted_servers(instance.student, state)
        self.server = self.servers[0] if self.servers else None
        self.port = self._port()
        self.addresses = _of(instance.student, state.floating_ips)

    def _port(self) -> seen.Port | None:
        """The server's port, that on the declared network where there are several; known after the second look."""
        if not self.server or not self.state.names:
            return None
        return port_of(self.server.id, self.state.ports, self.state.names.networks[self._network][0])

    def _action(self, verb: str, kind: str, name: str, **facts) -> Action:
        return Action(verb, kind, name, self.wanted.student, **facts)

    def _differs(self, field: str, observed: object, wanted: object, mend: str) -> Drift:
        return Drift(f"server {self.wanted.name}", field, observed, wanted, mend, self.wanted.student)

    @property
    def _network(self) -> str:
        return self.desired.network_of(self.wanted)

    # What stops everything for this student

    def refusal(self) -> str | None:
        """Why nothing can be done for this student; None when something can."""
        if len(self.servers) > 1:
            ids = ", ".join(server.id for server in self.servers)
            mend = "if no other run is at work, remove all but the first"
            return f"there are {len(self.servers)} servers tagged as this student's: {ids}; {mend}"
        if self.desired.makes and self.server is None:
            for name, resource_id, owner in self.state.strangers:
                if name == self.wanted.name:
                    return clash("server", name, resource_id, owner)
        return None if self.server is None or self._is_going() else self._status_refusal()

    def _status_refusal(self) -> str | None:
        """Why nothing can be done with the server in the status it has."""
        name, status = self.server.name, self.server.status
        goal = GOALS.get(self.desired.state)
        if status == "ERROR" and self.server.launched and not (goal and status in goal.ways):
            return (
                f"server {name} ran before and is in ERROR now: {explain(self.server.fault)}. "
                "It may hold the student's work, so it is left as it is"
            )
        if self._is_stillborn():
            cause = f"server {name} never came up: {explain(self.server.fault)}; state: present makes it anew"
            return None if self.desired.makes else cause
        if self.desired.state == "resized" and not self._is_resized():
            return None
        if goal is None or self._heading in goal.ways or (self._heading in goal.statuses and not goal.always):
            on_volume = self._is_rebuilt() and self._is_on_volume()
            return f"server {name} boots from a volume, which a rebuild would not empty; {ANEW}" if on_volume else None
        resting = (*SHELVED, "PAUSED", "SUSPENDED")
        mend = "start it first (state: started)" if self._heading in resting else "settle that first"
        return f"server {name} is {self._heading}, from where Nova doesn't {goal.verb} it; {mend}"

    @property
    def _heading(self) -> str:
        """The status that the server has once Nova has done what it is at."""
        return next_status(self.server.status, self.server.task_state)

    def _is_going(self) -> bool:
        return bool(self.server and self.server.task_state == "deleting")

    def _is_stillborn(self) -> bool:
        return bool(self.server and self.server.status == "ERROR" and not self.server.launched)

    # What is to be done

    def actions(self) -> list[Action]:
        """The steps for this student."""
        if not self.desired.makes:
            return self._moves() if self._is_there() else []
        steps = [self._action("delete", "server", s.name, id=s.id, note="made twice") for s in self.spare_servers]
        if self._makes_server():
            if self.server:
                note = "is being deleted" if self._is_going() else f"never came up: {explain(self.server.fault)}"
                steps.append(self._action("delete", "server", self.server.name, id=self.server.id, note=note))
            steps.append(self._action("create", "server", self.wanted.name))
        else:
            steps += self._moves() + self._changes_in_place()
        if self.desired.floating_network and not self._has_no_port():
            steps += self._floating_ip_steps()
        if self._makes_server() and self.desired.security_groups == ():  # to Nova, no group is the default one
            steps.append(self._group_change(None, ("default",), ()))
        if self._makes_server() and self.desired.keeps_volumes:
            steps.append(self._volume_change(True))
        return steps

    def _has_no_port(self) -> bool:
        """Whether somebody took the server's port away; known after the second look."""
        return bool(self.state.names) and not self._makes_server() and self._is_built() and not self.port

    def _makes_server(self) -> bool:
        return self.server is None or self._is_going() or self._is_stillborn()

    def _is_there(self) -> bool:
        return self.server is not None and not self._is_going()

    def _moves(self) -> list[Action]:
        """What brings the server into the status that is wanted."""
        goal, now = GOALS.get(self.desired.state), self._heading
        if goal is None:
            return []
        if self.desired.state == "rebuilt":
            return [self._rebuild()] if self._is_rebuilt() else []
        if self._is_resized():
            facts = {"before": {"flavor": self.server.flavor}, "after": {"flavor": self._flavor}}
            return [self._action("resize", "server", self.wanted.name, id=self.server.id, **facts)]
        if self.desired.state == "resized" and now != RESIZED:
            return []
        if now in goal.statuses:
            return []
        note = f"is {self.server.task_state} now" if now != self.server.status else ""
        facts = {"before": {"status": now}, "after": {"status": goal.statuses[0]}, "note": note}
        return [self._action(goal.ways[now], "server", self.wanted.name, id=self.server.id, **facts)]

    def _rebuild(self) -> Action:
        facts, kept = self.wanted.full_metadata, dict(self.server.metadata)
        before = {"image": self.server.image_id, "user_data": _hash(kept), **{key: kept.get(key) for key in facts}}
        after = {"image": self.state.image_id, "user_data": _hash(facts), **facts}
        if self.desired.key_name is not None:
            before["key_name"], after["key_name"] = self.server.key_name, self.desired.key_name
        changed = [key for key in after if before[key] != after[key] and key != want.USER_DATA_FACT]
        facts = {
            "before": {key: before[key] for key in changed},
            "after": {key: after[key] for key in changed},
            "note": "its disk is made anew",
        }
        return self._action("rebuild", "server", self.wanted.name, id=self.server.id, **facts)

    def _changes_in_place(self) -> list[Action]:
        steps = []
        if self.server.name != self.wanted.name:
            facts = {"before": {"name": self.server.name}, "after": {"name": self.wanted.name}}
            steps.append(self._action("change", "server", self.server.name, id=self.server.id, **facts))
        before, after = self._metadata_changes()
        if after and self._takes_metadata():
            facts = {"id": self.server.id, "before": before, "after": after}
            steps.append(self._action("change", "metadata", self.wanted.name, **facts))
        return steps + self._port_changes() + self._volume_changes()

    def _volume_changes(self) -> list[Action]:
        """Whether the volume goes with its server. Of several, Nova's list doesn't tell which one it boots from."""
        wanted, volumes = self.desired.delete_on_termination, self.server.volumes
        if self.desired.volume_size is None or wanted is None or not self._is_on_volume() or len(volumes) > 1:
            return []
        # That of a server which is being built may be still to come, and is made to go along
        goes_along = volumes[0][1] if volumes else True
        return [] if goes_along == wanted or (not volumes and self._is_built()) else [self._volume_change(goes_along)]

    def _volume_change(self, goes_along: bool) -> Action:
        """The other way for the volume, whether or not it ``goes_along`` with its server."""
        facts = {"before": {"delete_on_termination": goes_along}, "after": {"delete_on_termination": not goes_along}}
        return self._action("change", "volume", f"of {self.wanted.name}", **facts)

    def _port_changes(self) -> list[Action]:
        """Other security groups for the port; before the second look, which knows it, for the server."""
        names, port = self.state.names, self.port
        groups = names.security_groups if names else self.desired.security_groups
        # A server that is being built has a port only later, with the default group when there is to be none
        is_to_come = not self._is_built() and groups == ()
        if groups is None or (names and not port and not is_to_come):
            return []
        known = self.server.security_groups if self._is_built() else None
        if port.security_group_ids == names.security_group_ids if port else known == groups:
            return []
        before = known or (port.security_group_ids if port else ("default",))
        # What is being built may yet be made again, with another port
        port_id = port.id if port and self._is_built() else None
        return [self._group_change(port_id, before, groups)]

    def _group_change(self, port_id: str | None, before: tuple[str, ...], after: tuple[str, ...]) -> Action:
        """Other security groups for the port, which without an id is looked up when the server is there."""
        facts = {"id": port_id, "before": {"security_groups": before}, "after": {"security_groups": after}}
        return self._action("change", "port", self.wanted.name, **facts)

    def _metadata_changes(self) -> tuple[dict[str, str | None], dict[str, str]]:
        """The declared metadata that differs, as it is and as it is to be; a rebuild sets it by itself."""
        if self._is_rebuilt():
            return {}, {}
        present = dict(self.server.metadata)
        after = {key: value for key, value in self.wanted.metadata if present.get(key) != value}
        return {key: present.get(key) for key in after}, after

    def _takes_metadata(self) -> bool:
        """Nova changes the metadata in few statuses; in those that these two states lead to."""
        is_moved = self.desired.state in ("started", "resized") and bool(self._moves())
        is_waited_for = self.desired.state in GOALS or self.server.status == "BUILD"
        return is_moved or (self._heading if is_waited_for else self.server.status) in TAKE_METADATA

    def _is_rebuilt(self) -> bool:
        """Whether this plan rebuilds the server; what is being built anyway is not."""
        return self.desired.state == "rebuilt" and self._is_built()

    def _is_resized(self) -> bool:
        """Whether this plan gives the server another flavor."""
        return self.desired.state == "resized" and self.server.flavor != self._flavor

    @property
    def _flavor(self) -> str:
        """Name of the declared flavor, or before the second look perhaps its id."""
        return self.state.names.flavor if self.state.names else self.state.flavor or self.desired.flavor

    def _is_built(self) -> bool:
        """Nova knows network, zone and groups of a server only when it is built."""
        return self.server.status != "BUILD"

    def _is_bound(self, address: seen.FloatingIP) -> bool:
        if self._makes_server() or address.port_id is None:
            return False
        if self.port:
            return address.port_id == self.port.id
        if address.device_id:
            return address.device_id == self.server.id
        return address.fixed_address in self.server.addresses

    def _floating_ip_steps(self) -> list[Action]:
        if any(self._is_bound(address) for address in self.addresses):
            return []
        if self.addresses:
            address = self.addresses[0]
            return [self._action("bind", "floating IP", address.name, id=address.id, note=f"to {self.wanted.name}")]
        return [create_floating_ip(self.wanted)]

    # What is only reported

    def drift(self) -> list[Drift]:
        """Differences that stay."""
        if not self.desired.makes:
            mend = "state: present makes it"
            return [] if self._is_there() else [self._differs("presence", None, self.wanted.name, mend)]
        found = [] if self._makes_server() else self._server_drift()
        found += self._address_drift()
        return found

    def _server_drift(self) -> list[Drift]:
        server, desired, names = self.server, self.desired, self.state.names
        facts = [] if self._is_resized() else [("flavor", server.flavor, self._flavor, RESIZE)]
        if self._heading == RESIZED and desired.state != "resized":
            facts.append(
                ("status", server.status, "ACTIVE", "Nova waits for a word: state: resized confirms the resize")
            )
        if self._is_built():
            network = names.networks[self._network][1] if names else self._network
            facts.append(("network", server.networks, (network,), ANEW))
            if desired.availability_zone:
                facts.append(("availability_zone", server.availability_zone, desired.availability_zone, ANEW))
        if desired.config_drive is not None:
            facts.append(("config_drive", server.config_drive, desired.config_drive, ANEW))
        facts += self._lasting_facts()
        if not self._is_rebuilt():
            mend = ANEW if self._is_on_volume() else REBUILT
            if desired.volume_size is None:
                facts.insert(0, ("image", server.image_id, self.state.image_id, mend))
            facts.append(("user_data", _hash(dict(server.metadata)), _hash(self.wanted.full_metadata), mend))
            if desired.key_name is not None:
                facts.append(("key_name", server.key_name, desired.key_name, mend))
        found = [self._differs(*fact) for fact in facts if fact[1] != fact[2]]
        before, after = self._metadata_changes()
        if after and not self._takes_metadata():
            mend = f"Nova takes none of a server that is {self._heading}; run again when it is ACTIVE"
            found.append(self._differs("metadata", before, after, mend))
        if self._has_no_port():
            mend = "somebody took its port away; attach one, or remove the instance by name and run again"
            found.append(self._differs("port", None, f"on {self._network}", mend))
        return found

    def _lasting_facts(self) -> list[tuple]:
        """What was recorded when the server was made, beside what is declared."""
        recorded = dict(self.server.metadata)
        wanted = self.desired.lasting_facts(self.state.image_id)
        facts = []
        if want.SERVER_GROUP_FACT in wanted:
            members = self.state.names.server_group_members if self.state.names else ()
            name = wanted[want.SERVER_GROUP_FACT]
            known = name if self.server.id in members else recorded.get(want.SERVER_GROUP_FACT)
            facts.append(("server_group", known, name, ANEW))
        if want.VOLUME_FACT in wanted:
            disk = recorded.get(want.VOLUME_FACT, "unknown") if self._is_on_volume() else "none"
            facts.append(("volume", disk, wanted[want.VOLUME_FACT], ANEW))
        return facts

    def _is_on_volume(self) -> bool:
        """Nova tells no image of a server that boots from a volume."""
        return self.server.image_id is None

    def _address_drift(self) -> list[Drift]:
        wanted, names = self.desired.floating_network, self.state.names
        if not wanted:
            mend = "it stays until the instance is removed"
            return [self._differs("floating IP", address.name, None, mend) for address in self.addresses]
        kept = [address for address in self.addresses if self._is_bound(address)] or self.addresses
        found = []
        for address in kept[:1]:
            if names:
                known = names.floating_network_id == address.network_id
            else:
                known = wanted in (address.owner.network, address.network_id)
            if not known:
                mend = "its address would change; remove the instance by name and run again"
                found.append(self._differs(f"network of floating IP {address.name}", address.network_id, wanted, mend))
        surplus = [address.name for address in self.addresses if address not in kept[:1]]
        if surplus:
            found.append(self._differs("number of floating IPs", surplus, [], "surplus ones: remove them by hand"))
        return found
