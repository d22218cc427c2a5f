# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a wanted and an observed network stack to the steps in between. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired as want
from ansible_collections.ouseful.coursevm.plugins.module_utils import observed as seen
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Action, Drift, Plan, PlanError, chosen

IPV6_MODES = ("ipv6_ra_mode", "ipv6_address_mode")
# What Neutron puts into every new group, unless an administrator has changed that.
DEFAULT_RULES = tuple(want.Rule("egress", ethertype, None, None, None, None) for ethertype in ("IPv4", "IPv6"))


def plan(desired: want.NetworkStack, state: seen.NetworkStackState) -> Plan:
    """Plan a network stack. Raises PlanError on name clashes, and on removing a network that is in use."""
    steps = _present(desired, state) if desired.present else _absent(desired, state)
    return replace(
        steps,
        actions=tuple(replace(action, student=desired.student) for action in steps.actions),
        drift=(*steps.drift, *(_left_over(network) for network in state.undeclared if _reports(desired, network))),
    )


def _reports(desired: want.NetworkStack, network: seen.Network) -> bool:
    """Whether the undeclared network is this stack's to report; students who aren't declared are reported as such."""
    if desired.student or not desired.has_network:
        return network.owner.student == desired.student and (desired.has_network or desired.has_group)
    return True


def _left_over(network: seen.Network) -> Drift:
    student = network.owner.student
    if not student:
        return _undeclared(f"network {network.name}", network.id)
    name = network.name.removesuffix(f"-{student}")
    mend = f"it stays; network_stack with state: absent, name: {name} and students: [{student}] removes it"
    return Drift(f"network {network.name}", "presence", network.id, None, mend, student)


def _present(desired: want.NetworkStack, state: seen.NetworkStackState) -> Plan:
    actions: list[Action] = []
    drift: list[Drift] = []
    if desired.has_network:
        _plan_network(desired, state, actions, drift)
    if desired.has_group:
        _plan_security_group(desired, state, actions)
    return Plan(tuple(actions), tuple(drift))


def _plan_network(
    desired: want.NetworkStack, state: seen.NetworkStackState, actions: list[Action], drift: list[Drift]
) -> None:
    if chosen("network", desired.name, state.networks, desired.cohort) is None:
        actions.append(Action("create", "network", desired.name))
    gateways = {
        subnet_id: port.addresses for port in state.ports if _is_router_port(port) for subnet_id in port.subnet_ids
    }
    subnets = {}
    for subnet in desired.subnets:
        present = chosen("subnet", subnet.name, state.subnets, desired.cohort)
        subnets[subnet.name] = present
        if present is None:
            modes = {option: mode for option in IPV6_MODES if (mode := getattr(subnet, option))}
            actions.append(Action("create", "subnet", subnet.name, after=_facts(subnet) | modes, note=subnet.cidr))
        else:
            _compare_subnet(subnet, present, gateways.get(present.id, ()), actions, drift)
    for present in seen.ours(state.subnets, desired.cohort):
        if present.name not in subnets:
            drift.append(_undeclared(f"subnet {present.name}", present.cidr))
    _plan_router(desired, state, subnets, actions, drift)


def _undeclared(name: str, observed: Any) -> Drift:
    return Drift(name, "presence", observed, None, "what uses it would break, so it stays; remove it by hand")


def _facts(subnet: want.Subnet) -> dict[str, Any]:
    """What is declared about a subnet and can be changed in place, as Neutron takes it."""
    facts = {
        "gateway_ip": subnet.gateway_ip,
        "dns_nameservers": None if subnet.dns_nameservers is None else list(subnet.dns_nameservers),
        "allocation_pools": None
        if subnet.allocation_pools is None
        else [{"start": start, "end": end} for start, end in subnet.allocation_pools],
        "enable_dhcp": subnet.enable_dhcp,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _is_router_port(port: seen.Port) -> bool:
    return port.device_owner in seen.ROUTER_PORTS


def _compare_subnet(
    subnet: want.Subnet,
    present: seen.Subnet,
    router_addresses: Collection[str],
    actions: list[Action],
    drift: list[Drift],
) -> None:
    if present.cidr != subnet.cidr:
        mend = "a subnet keeps its addresses for life; remove the cohort's network and run again"
        drift.append(Drift(f"subnet {subnet.name}", "cidr", present.cidr, subnet.cidr, mend))
        return
    for option in IPV6_MODES:
        wanted, found = getattr(subnet, option), getattr(present, option)
        if wanted not in (None, found):
            mend = "Neutron never changes it; remove the cohort's network and run again"
            drift.append(Drift(f"subnet {subnet.name}", option, found, wanted, mend))
    now = {
        "gateway_ip": present.gateway_ip,
        "dns_nameservers": list(present.dns_nameservers),
        "allocation_pools": [{"start": start, "end": end} for start, end in present.allocation_pools],
        "enable_dhcp": present.enable_dhcp,
    }
    after = {key: value for key, value in _facts(subnet).items() if now[key] != value}
    if "gateway_ip" in after and present.gateway_ip in router_addresses:
        mend = "Neutron doesn't change it while a router has it; remove the cohort's network and run again"
        drift.append(Drift(f"subnet {subnet.name}", "gateway_ip", present.gateway_ip, after.pop("gateway_ip"), mend))
    if after:
        before = {key: now[key] for key in after}
        actions.append(Action("change", "subnet", subnet.name, id=present.id, before=before, after=after))


def _plan_router(
    desired: want.NetworkStack,
    state: seen.NetworkStackState,
    subnets: dict[str, seen.Subnet | None],
    actions: list[Action],
    drift: list[Drift],
) -> None:
    if not desired.external_network:
        for router in seen.ours(state.routers, desired.cohort):
            drift.append(_undeclared(f"router {router.name}", router.id))
        return
    router = chosen("router", desired.name, state.routers, desired.cohort)
    if router is None:
        actions.append(
            Action(
                "create",
                "router",
                desired.name,
                after={"external_network_id": state.external_network_id},
                note=f"gateway {desired.external_network}",
            )
        )
    elif router.external_network_id != state.external_network_id:
        actions.append(
            Action(
                "change",
                "router",
                desired.name,
                id=router.id,
                before={"external_network_id": router.external_network_id},
                after={"external_network_id": state.external_network_id},
            )
        )
    attached = {
        subnet_id
        for port in state.ports
        if router and port.device_id == router.id and _is_router_port(port)
        for subnet_id in port.subnet_ids
    }
    for name, present in subnets.items():
        if present is None or present.id not in attached:
            actions.append(Action("attach", "subnet", name, note=f"to router {desired.name}"))


def _plan_security_group(desired: want.NetworkStack, state: seen.NetworkStackState, actions: list[Action]) -> None:
    group = chosen("security group", desired.name, state.security_groups, desired.cohort)
    if group is None:
        actions.append(Action("create", "security group", desired.name))
    actions += rule_changes(desired, group.rules if group else tuple((None, rule) for rule in DEFAULT_RULES))


def rule_changes(desired: want.NetworkStack, present: Collection[tuple[str | None, want.Rule]]) -> Iterator[Action]:
    """From the rules of a group (id, rule) to those that are declared."""
    wanted = dict(desired.rules)
    # Outgoing traffic is as open as Neutron makes it unless something is declared about it.
    is_open = desired.default_egress
    if is_open is None:
        is_open = not any(rule.direction == "egress" for rule in wanted)
    if is_open:
        wanted = dict.fromkeys(DEFAULT_RULES, "") | wanted
    for rule_id, rule in present:
        if rule not in wanted:
            yield Action("delete", "rule", str(rule), id=rule_id, before={"rule": rule})
    there = {rule for _rule_id, rule in present}
    for rule, description in wanted.items():
        if rule not in there:
            facts = {"rule": rule, "description": description}
            yield Action("create", "rule", str(rule), after=facts, note=description)


def _absent(desired: want.NetworkStack, state: seen.NetworkStackState) -> Plan:
    actions = []
    networks = seen.ours(state.networks, desired.cohort)
    routers = seen.ours(state.routers, desired.cohort)
    in_use = [port for port in state.ports if not port.device_owner.startswith("network:")]
    if in_use:
        names = sorted(port.name or (f"server {port.device_id}" if port.device_id else port.id) for port in in_use)
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise PlanError(f"Network {desired.name} is still in use by {shown}; remove the cohort's instances first.")
    own_routers = {router.id for router in routers}
    foreign = [port for port in state.ports if _is_router_port(port) and port.device_id not in own_routers]
    if foreign:
        raise PlanError(
            f"Network {desired.name} is attached to router {foreign[0].device_id}, which is not ours; detach it first."
        )
    for port in state.ports:
        if _is_router_port(port):
            subnet = next((s.name for s in state.subnets if s.id in port.subnet_ids), port.id)
            actions.append(Action("detach", "subnet", subnet, id=port.id, before={"router_id": port.device_id}))
    actions += [Action("delete", "router", router.name, id=router.id) for router in routers]
    actions += [
        Action("delete", "network", network.name, id=network.id, note="with its subnets") for network in networks
    ]
    # The networks of students who are not named stay, and need it.
    needed = any(network.name == f"{desired.name}-{network.owner.student}" for network in state.undeclared)
    groups = [] if needed else seen.ours(state.security_groups, desired.cohort)
    actions += [Action("delete", "security group", group.name, id=group.id) for group in groups]
    return Plan(tuple(actions))
