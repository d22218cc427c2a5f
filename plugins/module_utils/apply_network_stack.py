# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries out the plan of a network stack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils import observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply import create_once
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud, CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import NetworkStack
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import NetworkStackState, ours
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import marker
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Action, Plan


class Apply:
    """Carries out a plan; ``state`` is kept up with what is done. Raises CloudError at the first step that fails."""

    def __init__(self, cloud: Cloud, desired: NetworkStack, state: NetworkStackState) -> None:
        self.cloud = cloud
        self.desired = desired
        self.state = state
        self.marker = marker(desired.cohort)

    def run(self, plan: Plan) -> NetworkStackState:
        """Do all actions in their order, those that Neutron takes as a list in one request."""
        remaining = list(plan.actions)
        while remaining:
            action = remaining.pop(0)
            batch = [action]
            if action.verb == "create" and action.kind in ("subnet", "rule"):
                batch += [a for a in remaining if (a.verb, a.kind) == (action.verb, action.kind)]
                remaining = [a for a in remaining if a not in batch]
                getattr(self, f"_create_{action.kind}s")(batch)
            else:
                getattr(self, f"_{action.verb}_{action.kind}".replace(" ", "_"))(action)
        return self.state

    def _own(self, collection: str) -> Any:
        return ours(getattr(self.state, collection), self.desired.cohort)[0]

    def _create(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create one resource that is known by its name and our marker."""
        plural = f"{key}s"

        def look() -> dict[str, Any] | None:
            query = {"name": self.desired.name, "description": self.marker}
            found = self.cloud.list("network", path, plural, query)
            return {key: found[0]} if found else None

        body = {"name": self.desired.name, "description": self.marker, **body}
        return create_once(self.cloud, "network", path, {key: body}, look)[key]

    def _create_network(self, action: Action) -> None:
        body = self._create("/networks", "network", {})
        self.state = replace(self.state, networks=(observed.network(body),))

    def _create_subnets(self, actions: list[Action]) -> None:
        network_id = self._own("networks").id
        wanted = {subnet.name: subnet for subnet in self.desired.subnets}
        bodies = [
            {
                "name": action.name,
                "description": self.marker,
                "network_id": network_id,
                "cidr": wanted[action.name].cidr,
                "ip_version": wanted[action.name].ip_version,
                **action.after,
            }
            for action in actions
        ]
        names = [body["name"] for body in bodies]

        def look() -> dict[str, Any] | None:
            found = self.cloud.list("network", "/subnets", "subnets", {"network_id": network_id, "name": names})
            return {"subnets": found} if len(found) == len(bodies) else None

        answer = create_once(self.cloud, "network", "/subnets", {"subnets": bodies}, look)
        made = tuple(observed.subnet(body) for body in answer["subnets"])
        self.state = replace(self.state, subnets=self.state.subnets + made)

    def _change_subnet(self, action: Action) -> None:
        answer = self.cloud.put("network", f"/subnets/{action.id}", {"subnet": action.after})
        changed = observed.subnet(answer["subnet"])
        self.state = replace(
            self.state, subnets=tuple(changed if subnet.id == changed.id else subnet for subnet in self.state.subnets)
        )

    def _create_router(self, action: Action) -> None:
        gateway = {"network_id": action.after["external_network_id"]}
        body = self._create("/routers", "router", {"external_gateway_info": gateway})
        self.state = replace(self.state, routers=(observed.router(body),))

    def _change_router(self, action: Action) -> None:
        gateway = {"network_id": action.after["external_network_id"]}
        answer = self.cloud.put("network", f"/routers/{action.id}", {"router": {"external_gateway_info": gateway}})
        self.state = replace(self.state, routers=(observed.router(answer["router"]),))

    def _attach_subnet(self, action: Action) -> None:
        subnet = next(s for s in ours(self.state.subnets, self.desired.cohort) if s.name == action.name)
        path = f"/routers/{self._own('routers').id}/add_router_interface"
        try:
            self.cloud.put("network", path, {"subnet_id": subnet.id})
        except CloudError as error:
            # Said to a repetition of the request when its first answer was lost.
            if "already has a port" not in str(error):
                raise

    def _create_security_group(self, action: Action) -> None:
        body = self._create("/security-groups", "security_group", {})
        self.state = replace(self.state, security_groups=(observed.security_group(body),))

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

        create_once(self.cloud, "network", "/security-group-rules", {"security_group_rules": bodies}, look)

    def _read_group(self, group_id: str) -> observed.SecurityGroup:
        answer = self.cloud.get("network", f"/security-groups/{group_id}")
        return observed.security_group(answer["security_group"])

    def _delete_rule(self, action: Action) -> None:
        # A new group's own rules have no id in the plan.
        rules = self._own("security_groups").rules
        rule_id = action.id or next(rule_id for rule_id, rule in rules if rule == action.before["rule"])
        self.cloud.delete("network", f"/security-group-rules/{rule_id}")

    def _detach_subnet(self, action: Action) -> None:
        path = f"/routers/{action.before['router_id']}/remove_router_interface"
        try:
            self.cloud.put("network", path, {"port_id": action.id})
        except CloudError as error:
            if error.status != 404:
                raise

    def _delete_router(self, action: Action) -> None:
        self.cloud.delete("network", f"/routers/{action.id}")
        self.state = replace(self.state, routers=())

    def _delete_network(self, action: Action) -> None:
        self.cloud.delete("network", f"/networks/{action.id}")
        self.state = replace(self.state, networks=(), subnets=(), ports=())

    def _delete_security_group(self, action: Action) -> None:
        self.cloud.delete("network", f"/security-groups/{action.id}")
        self.state = replace(self.state, security_groups=())
