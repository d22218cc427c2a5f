# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries out the plans of network stacks: networks and subnets of all in lists, what remains stack by stack.

Neutron takes no lists of routers and of their interfaces, so the stacks are worked on concurrently.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils import observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply import LOOKS, appears, create_many, create_once
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud, CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.concurrency import concurrently
from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import NetworkStack
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import NetworkStackState, narrowed, ours
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import marker
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Action, Plan
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_network_stack import rule_changes
from ansible_collections.ouseful.coursevm.plugins.module_utils.rivals import ABANDONED_AFTER, give_way, in_words


def apply(cloud: Cloud, stacks: Sequence[Stack], concurrency: int) -> None:
    """Carry out the plans. What fails for one stack is its ``error`` and doesn't stop the others."""
    names = [stack.desired.name for stack in stacks]
    keep_networks = _create_list(cloud, stacks, "network", lambda bodies: narrowed("name", names))
    keep_subnets = _create_list(
        cloud, stacks, "subnet", lambda bodies: narrowed("network_id", {body["network_id"] for body in bodies})
    )
    # The later the look, the fewer are the others whose networks can't be seen yet.
    keep_networks()
    keep_subnets()
    chains = [partial(stack.carry_out, actions) for stack in stacks for actions in stack.chains()]
    concurrently(lambda chain: chain(), chains, concurrency)


def _create_list(cloud: Cloud, stacks: Sequence[Stack], kind: str, query: Callable[[list], dict]) -> Callable[[], None]:
    """Create all the networks, or all the subnets, that are planned; ``query`` finds them again.

    Returns what is to be called to keep those only which no other run has made as well.
    """
    planned = [(stack, action) for stack in stacks if not stack.error for action in stack.taken("create", kind)]
    bodies = [getattr(stack, f"{kind}_body")(action) for stack, action in planned]

    def same(body: dict[str, Any]) -> tuple:
        return body["name"], body["description"], body.get("network_id")

    def look() -> list[dict[str, Any]]:
        return cloud.list("network", f"/{kind}s", f"{kind}s", {"project_id": cloud.project_id, **query(bodies)})

    results = create_many(cloud, f"/{kind}s", f"{kind}s", bodies, same=same, look=look)
    made = {}
    for (stack, action), body, result in zip(planned, bodies, results, strict=True):
        stack.take_in(action, result)
        # Within a network that this run has made itself nobody else is at work.
        if not isinstance(result, CloudError) and (kind == "network" or not stack.is_new):
            made[same(body)] = (stack, action, result["id"])

    def remove(own_id: str) -> None:
        cloud.delete("network", f"/{kind}s/{own_id}")

    def keep() -> None:
        ids = {key: own_id for key, (_stack, _action, own_id) in made.items()}
        for key, rival_id in give_way(cloud, ids, same=same, look=look, remove=remove).items():
            stack, action, _own_id = made[key]
            stack.leave(action, rival_id)

    return keep if made else lambda: None


def parted(actions: list[Action], chosen: Callable[[Action], bool]) -> tuple[list[Action], list[Action]]:
    """Those which are chosen and the others, each in their order."""
    return [action for action in actions if chosen(action)], [action for action in actions if not chosen(action)]


class Stack:
    """One network stack; ``state`` and ``done`` are kept up with what is done."""

    def __init__(self, cloud: Cloud, desired: NetworkStack, state: NetworkStackState, plan: Plan) -> None:
        self.cloud = cloud
        self.desired = desired
        self.state = state
        self.marker = marker(desired.cohort, desired.student)
        self.plan = plan
        self.remaining = list(plan.actions)
        self.done: list[str] = []
        self.error: str | None = None
        self._noting = Lock()
        self.is_new = any((action.verb, action.kind) == ("create", "network") for action in plan.actions)

    @property
    def begun_at(self) -> str | None:
        """When the network was made, if what each network has from the start is still to be made."""
        networks = ours(self.state.networks, self.desired.cohort)
        return networks[0].created_at if networks and any(map(self._is_of_the_beginning, self.plan.actions)) else None

    def _is_of_the_beginning(self, action: Action) -> bool:
        """Whether a run that has just made the network would do this itself."""
        match action.verb, action.kind:
            case "create", "router" | "security group":
                return True
            case "create", "subnet":
                return not ours(self.state.subnets, self.desired.cohort)
            case "change", "router":
                # Neutron shows a router before it has its gateway, and may yet put another one in its place.
                return action.before["external_network_id"] is None
            case "attach", "subnet":
                return any(subnet.name == action.name for subnet in ours(self.state.subnets, self.desired.cohort))
        return False

    def taken(self, verb: str, kind: str) -> list[Action]:
        """Those actions, which are then no longer among the remaining ones."""
        found, self.remaining = parted(self.remaining, lambda action: (action.verb, action.kind) == (verb, kind))
        return found

    def network_body(self, action: Action) -> dict[str, Any]:
        """What Neutron is asked for."""
        return {"name": action.name, "description": self.marker}

    def subnet_body(self, action: Action) -> dict[str, Any]:
        """What Neutron is asked for."""
        wanted = next(subnet for subnet in self.desired.subnets if subnet.name == action.name)
        return {
            "name": action.name,
            "description": self.marker,
            "network_id": self._own("networks").id,
            "cidr": wanted.cidr,
            "ip_version": wanted.ip_version,
            **action.after,
        }

    def _note(self, **facts: Any) -> None:
        """Keep the state up with what was done, of two chains at a time."""
        with self._noting:
            self.state = replace(self.state, **facts)

    def take_in(self, action: Action, result: dict[str, Any] | CloudError) -> None:
        """Note what came of a network or subnet that was created in a list."""
        if isinstance(result, CloudError):
            self.error = self.error or f"{action.verb} {action.kind} {action.name}: {result}"
            return
        self.done.append(str(action))
        if action.kind == "network":
            self._note(networks=(observed.network(result),))
        else:
            self._note(subnets=(*self.state.subnets, observed.subnet(result)))

    def leave(self, action: Action, rival_id: str) -> None:
        """Note that another run is making this network or subnet; what went with it is gone."""
        self.error = self.error or f"{action}: {in_words(action.kind, rival_id)}"
        if action.kind == "network":
            self.done = []
            self._note(networks=(), subnets=())
        else:
            self.done.remove(str(action))

    def chains(self) -> tuple[list[Action], list[Action]]:
        """What remains to be done, each in its order: of the network, and of the security group."""
        return parted(self.remaining, lambda action: action.kind not in ("security group", "rule"))

    def carry_out(self, actions: list[Action]) -> None:
        """Do it in this order; rules, which Neutron takes as a list, in one request."""
        while actions and not self.error:
            action = actions.pop(0)
            try:
                if (action.verb, action.kind) == ("create", "rule"):
                    others, actions = parted(actions, lambda other: (other.verb, other.kind) == ("create", "rule"))
                    batch = [action, *others]
                    self._create_rules(batch)
                else:
                    batch = [action]
                    getattr(self, f"_{action.verb}_{action.kind}".replace(" ", "_"))(action)
            except CloudError as error:
                self.error = self.error or f"{action.verb} {action.kind} {action.name}: {error}"
            else:
                self.done += map(str, batch)
            if (action.verb, action.kind) == ("create", "security group") and not self.error:
                # What Neutron puts into a new group is up to who runs the cloud
                actions = list(rule_changes(self.desired, self._own("security_groups").rules))

    def _own(self, collection: str) -> Any:
        return ours(getattr(self.state, collection), self.desired.cohort)[0]

    def _create(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create one resource that is known by its name and our marker."""
        query = {"project_id": self.cloud.project_id, "name": self.desired.name, "description": self.marker}

        was_lost = False

        def look() -> dict[str, Any] | None:
            nonlocal was_lost
            was_lost = True
            found = self.cloud.list("network", path, f"{key}s", query)
            return {key: found[0]} if found else None

        body = {"name": self.desired.name, "description": self.marker, **body}
        made = create_once(self.cloud, "network", path, {key: body}, look)[key]
        # A lost request may still be at work after its repetition, unseen by all looks in between.
        if was_lost:
            time.sleep(LOOKS[0])
        if was_lost or not self._is_alone():
            lost = give_way(
                self.cloud,
                {self.marker: made["id"]},
                same=lambda found: found["description"],
                look=lambda: self.cloud.list("network", path, f"{key}s", query),
                remove=lambda own_id: self.cloud.delete("network", f"{path}/{own_id}"),
            )
            if lost and was_lost:  # the older one is perhaps what that request has made
                return self.cloud.get("network", f"{path}/{lost[self.marker]}")[key]
            if lost:
                raise CloudError(in_words(key.replace("_", " "), lost[self.marker]))
        return made

    def _is_alone(self) -> bool:
        """Whether no other run can have begun to finish this network, which is so while it is still young."""
        created_at = self._own("networks").created_at if self.is_new else None
        return self.cloud.seconds_since(created_at) < ABANDONED_AFTER / 2

    def _change_subnet(self, action: Action) -> None:
        answer = self.cloud.put("network", f"/subnets/{action.id}", {"subnet": action.after})
        changed = observed.subnet(answer["subnet"])
        self._note(subnets=tuple(changed if subnet.id == changed.id else subnet for subnet in self.state.subnets))

    def _create_router(self, action: Action) -> None:
        gateway = {"network_id": action.after["external_network_id"]}
        body = self._create("/routers", "router", {"external_gateway_info": gateway})
        self._note(routers=(observed.router(body),))

    def _change_router(self, action: Action) -> None:
        gateway = {"network_id": action.after["external_network_id"]}
        answer = self.cloud.put("network", f"/routers/{action.id}", {"router": {"external_gateway_info": gateway}})
        self._note(routers=(observed.router(answer["router"]),))

    def _attach_subnet(self, action: Action) -> None:
        subnet = next(s for s in ours(self.state.subnets, self.desired.cohort) if s.name == action.name)
        router_id = self._own("routers").id
        query = {"device_id": router_id, "fixed_ips": f"subnet_id={subnet.id}"}

        def look() -> list[dict[str, Any]] | None:
            return self.cloud.list("network", "/ports", "ports", query) or None

        try:
            self.cloud.put("network", f"/routers/{router_id}/add_router_interface", {"subnet_id": subnet.id})
        except CloudError as error:
            # Said to a repetition of the request when its first answer was lost: it was done, or is being done.
            done, doing = "already has a port" in str(error), "already allocated" in str(error)
            if not done and not (doing and appears(look)):
                raise

    def _create_security_group(self, action: Action) -> None:
        body = self._create("/security-groups", "security_group", {})
        self._note(security_groups=(observed.security_group(body),))

    def _create_rules(self, actions: list[Action]) -> None:
        group = self._own("security_groups")
        bodies = [
            {
                "security_group_id": group.id,
                "description": action.after["description"],
                **{key: value for key, value in vars(action.after["rule"]).items() if value is not None},
            }
            for action in actions
        ]

        def look() -> dict[str, Any] | None:
            rules = {rule for _rule_id, rule in self._read_group(group.id).rules}
            return {} if all(action.after["rule"] in rules for action in actions) else None

        try:
            create_once(self.cloud, "network", "/security-group-rules", {"security_group_rules": bodies}, look)
        except CloudError as error:
            # Neutron refuses a rule that is there: another run may have made all of them.
            if error.status != 409 or error.is_quota or look() is None:
                raise

    def _read_group(self, group_id: str) -> observed.SecurityGroup:
        answer = self.cloud.get("network", f"/security-groups/{group_id}")
        return observed.security_group(answer["security_group"])

    def _delete_rule(self, action: Action) -> None:
        self.cloud.delete("network", f"/security-group-rules/{action.id}")

    def _detach_subnet(self, action: Action) -> None:
        path = f"/routers/{action.before['router_id']}/remove_router_interface"
        try:
            self.cloud.put("network", path, {"port_id": action.id})
        except CloudError as error:
            if error.status != 404:
                raise

    def _delete_router(self, action: Action) -> None:
        self.cloud.delete("network", f"/routers/{action.id}")
        self._note(routers=())

    def _delete_network(self, action: Action) -> None:
        self.cloud.delete("network", f"/networks/{action.id}")
        self._note(networks=(), subnets=(), ports=())

    def _delete_security_group(self, action: Action) -> None:
        self.cloud.delete("network", f"/security-groups/{action.id}")
        self._note(security_groups=())
