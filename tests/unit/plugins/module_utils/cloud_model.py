"""A model of the cloud without I/O: what each action of a plan does to the observed state.

It is used to show properties of the planning. That the real cloud behaves so is shown by tests/integration/engine.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired as want
from ansible_collections.ouseful.coursevm.plugins.module_utils import observed as seen
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import Owner
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_instances import sorted_servers
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_network_stack import DEFAULT_RULES
from ansible_collections.ouseful.coursevm.plugins.module_utils.transitions import GOALS, TAKE_METADATA, next_status

_numbers = count(1)
# Nova's API: from which statuses each request is taken, and where it leads.
MOVES = {
    "start": (["SHUTOFF"], "ACTIVE"),
    "stop": (["ACTIVE"], "SHUTOFF"),
    "unpause": (["PAUSED"], "ACTIVE"),
    "resume": (["SUSPENDED"], "ACTIVE"),
    "shelve": (["ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"], "SHELVED_OFFLOADED"),
    "unshelve": (["SHELVED", "SHELVED_OFFLOADED"], "ACTIVE"),
    "confirm": (["VERIFY_RESIZE"], "ACTIVE"),
}


def new_id(kind: str) -> str:
    """An id that no other resource of the model has."""
    return f"{kind}-{next(_numbers)}"


def without(resources, resource_id):
    """The resources less one."""
    return tuple(resource for resource in resources if resource.id != resource_id)


def apply_to_stack(desired, state, plan):  # noqa: PLR0912 - one branch for each kind of action
    """The network stack after the plan."""
    owner = Owner(desired.cohort)
    subnets = {subnet.name: subnet for subnet in desired.subnets}
    for action in plan.actions:
        match action.verb, action.kind:
            case "create", "network":
                state = replace(state, networks=(*state.networks, seen.Network(new_id("net"), action.name, owner)))
            case "create", "subnet":
                wanted = subnets[action.name]
                made = seen.Subnet(new_id("sub"), wanted.name, owner, cidr=wanted.cidr, ip_version=wanted.ip_version)
                state = replace(state, subnets=(*state.subnets, with_facts(made, action.after)))
            case "change", "subnet":
                refuse_gateway_in_use(state, action)
                state = replace(
                    state, subnets=tuple(with_facts(s, action.after) if s.id == action.id else s for s in state.subnets)
                )
            case "create", "router":
                made = seen.Router(new_id("rtr"), action.name, owner, action.after["external_network_id"])
                state = replace(state, routers=(*state.routers, made))
            case "change", "router":
                gateway = action.after["external_network_id"]
                state = replace(
                    state,
                    routers=tuple(
                        replace(r, external_network_id=gateway) if r.id == action.id else r for r in state.routers
                    ),
                )
            case "attach", "subnet":
                router = seen.ours(state.routers, desired.cohort)[0]
                subnet = next(s for s in seen.ours(state.subnets, desired.cohort) if s.name == action.name)
                facts = {"subnet_ids": (subnet.id,), "addresses": (subnet.gateway_ip,)}
                made = seen.Port(new_id("port"), "", None, "net", router.id, seen.ROUTER_PORTS[0], **facts)
                state = replace(state, ports=(*state.ports, made))
            case "create", "security group":
                rules = tuple((new_id("rule"), rule) for rule in DEFAULT_RULES)
                made = seen.SecurityGroup(new_id("sg"), action.name, owner, rules)
                state = replace(state, security_groups=(*state.security_groups, made))
            case "create", "rule":
                state = change_rules(
                    desired, state, lambda rules, a=action: (*rules, (new_id("rule"), a.after["rule"]))
                )
            case "delete", "rule":
                state = change_rules(
                    desired,
                    state,
                    lambda rules, a=action: tuple(
                        r for r in rules if a.id != r[0] and (a.id or a.before["rule"] != r[1])
                    ),
                )
            case "detach", "subnet":
                state = replace(state, ports=without(state.ports, action.id))
            case "delete", "router":
                assert not [p for p in state.ports if p.device_id == action.id], "a router in use can't be deleted"
                state = replace(state, routers=without(state.routers, action.id))
            case "delete", "network":
                state = replace(state, networks=without(state.networks, action.id), subnets=(), ports=())
            case "delete", "security group":
                state = replace(state, security_groups=without(state.security_groups, action.id))
            case unknown:
                raise AssertionError(f"the model doesn't know {unknown}")
    return state


def refuse_gateway_in_use(state, action):
    """Neutron's answer to another gateway for a subnet whose gateway is a router's port."""
    (subnet,) = [subnet for subnet in state.subnets if subnet.id == action.id]
    taken = {address for port in state.ports if subnet.id in port.subnet_ids for address in port.addresses}
    assert "gateway_ip" not in action.after or subnet.gateway_ip not in taken, "GatewayIpInUse"


def change_rules(desired, state, change):
    """The state with other rules in the cohort's group."""
    own = seen.ours(state.security_groups, desired.cohort)[0]
    changed = replace(own, rules=change(own.rules))
    return replace(state, security_groups=(*without(state.security_groups, own.id), changed))


def with_facts(subnet, facts):
    """The subnet with facts as the API takes them."""
    facts = dict(facts)
    if "dns_nameservers" in facts:
        facts["dns_nameservers"] = tuple(facts["dns_nameservers"])
    if "allocation_pools" in facts:
        facts["allocation_pools"] = tuple(sorted((p["start"], p["end"]) for p in facts["allocation_pools"]))
    return replace(subnet, **facts)


def apply_to_cohort(desired, state, plan):
    """The cohort after the plan, each server coming up."""
    wanted = {instance.student: instance for instance in desired.instances}
    if desired.makes:
        state = replace(state, ports=(*state.ports, *coming_ports(desired, state)))

    def settled(server):
        is_waited_for = desired.state in GOALS or (desired.makes and server.status == "BUILD")
        return waited_for(server) if is_waited_for and server.owner.student in wanted else server

    state = replace(state, servers=tuple(map(settled, state.servers)))
    for action in plan.actions:
        owner = Owner(desired.cohort, action.student, desired.floating_network)
        match action.verb, action.kind:
            case "delete", "server":
                gone = [port.id for port in state.ports if port.device_id == action.id]
                left = tuple(port for port in state.ports if port.id not in gone)
                freed = tuple(
                    replace(a, port_id=None, fixed_address=None, device_id=None) if a.port_id in gone else a
                    for a in state.floating_ips
                )
                servers = without(state.servers, action.id)
                state = replace(state, servers=servers, ports=left, floating_ips=freed)
            case "delete", "floating IP":
                state = replace(state, floating_ips=without(state.floating_ips, action.id))
            case "create", "server":
                network_id, network = state.names.networks[desired.network_of(wanted[action.student])]
                server_id, fixed = new_id("server"), (new_id("10.0.0"),)
                groups = state.names.security_group_ids or ("sg-default",)
                facts = {"device_id": server_id, "addresses": fixed, "security_group_ids": groups}
                port = seen.Port(new_id("port"), "", None, network_id, **facts)
                on_volume = desired.volume_size is not None
                facts = desired.lasting_facts(state.image_id)
                made = seen.Server(
                    server_id,
                    action.name,
                    owner,
                    image_id=None if on_volume else state.image_id,
                    flavor=state.names.flavor,
                    networks=(network,),
                    addresses=port.addresses,
                    security_groups=groups_of(port),
                    metadata=tuple(sorted({**wanted[action.student].full_metadata, **facts}.items())),
                    key_name=desired.key_name,
                    config_drive=bool(desired.config_drive),
                    volumes=((new_id("volume"), True),) if on_volume else (),
                    availability_zone=desired.availability_zone or "nova",
                )
                state = replace(state, servers=(*state.servers, made), ports=(*state.ports, port))
            case "create", "floating IP":
                made = seen.FloatingIP(
                    new_id("fip"), new_id("172.24.4"), owner, state.names.floating_network_id, port_id="unbound"
                )
                state = bound(replace(state, floating_ips=(*state.floating_ips, made)), made.id, action.student)
            case "bind", "floating IP":
                state = bound(state, action.id, action.student)
            case "change", kind:
                state = changed_server(state, action, kind)
            case verb, "server":
                state = moved_server(desired, state, action, verb)
            case unknown:
                raise AssertionError(f"the model doesn't know {unknown}")
    return state


def coming_ports(desired, state):
    """The ports which Nova is still to make for servers that it is building."""
    there = {port.device_id for port in state.ports}
    groups = state.names.security_group_ids or ("sg-default",)
    return [
        seen.Port(new_id("port"), "", None, "net-1", server.id, addresses=("10.0.9.9",), security_group_ids=groups)
        for server in state.servers
        if server.status == "BUILD" and server.id not in there
    ]


def port_of(state, student):
    """The port of a student's server."""
    (server,), _spare = sorted_servers(student, state)
    (port,) = [port for port in state.ports if port.device_id == server.id]
    return port


def groups_of(port):
    """Nova's names of a port's security groups."""
    return tuple(sorted({"sg-1": "coursevm-demo", "sg-default": "default"}[group] for group in port.security_group_ids))


def bound(state, address_id, student):
    """The state with a floating IP on the student's port."""
    port = port_of(state, student)
    return replace(
        state,
        floating_ips=tuple(
            replace(a, port_id=port.id, fixed_address=port.addresses[0], device_id=port.device_id)
            if a.id == address_id
            else a
            for a in state.floating_ips
        ),
    )


def changed_server(state, action, kind):
    """The state with a student's server changed in place."""

    (used, *_others), _spare = sorted_servers(action.student, state)

    def change(server):
        if server.id != used.id:
            return server
        if kind == "metadata":
            assert server.status in TAKE_METADATA, f"Nova changes no metadata of a server that is {server.status}"
            return replace(server, metadata=tuple(sorted({**dict(server.metadata), **action.after}.items())))
        if kind == "port":
            return replace(server, security_groups=action.after["security_groups"])
        if kind == "volume":
            ((volume_id, _goes_along),) = server.volumes
            return replace(server, volumes=((volume_id, action.after["delete_on_termination"]),))
        return replace(server, **action.after)

    state = replace(state, servers=tuple(change(server) for server in state.servers))
    if kind != "port":
        return state
    groups, port_id = state.names.security_group_ids, action.id or port_of(state, action.student).id
    ports = (replace(p, security_group_ids=groups) if p.id == port_id else p for p in state.ports)
    return replace(state, ports=tuple(ports))


def waited_for(server):
    """The server once Nova is done with what it was at."""
    if server.task_state == "deleting":
        return server
    volumes = server.volumes
    if server.status == "BUILD" and server.image_id is None and not volumes:
        volumes = ((new_id("volume"), True),)
    status = next_status(server.status, server.task_state)
    return replace(server, status=status, task_state=None, volumes=volumes)


def moved_server(desired, state, action, verb):
    """The state with a server in another status."""
    (server,) = [server for server in state.servers if server.id == action.id]
    now = server.status
    if verb == "rebuild":
        assert now in ("ACTIVE", "SHUTOFF", "ERROR"), "Nova rebuilds from no other status"
        wanted = next(i for i in desired.instances if i.student == action.student)
        metadata = {**dict(server.metadata), **wanted.full_metadata}
        facts = {"image_id": state.image_id, "metadata": tuple(sorted(metadata.items()))}
        facts |= {"key_name": desired.key_name or server.key_name}
        moved = replace(server, status="ACTIVE" if now == "ERROR" else now, fault=None, **facts)
    elif verb == "resize":
        assert now in ("ACTIVE", "SHUTOFF", "VERIFY_RESIZE"), "Nova resizes from no other status"
        moved = replace(server, status="ACTIVE" if now == "VERIFY_RESIZE" else now, flavor=state.names.flavor)
    else:
        before, after = MOVES[verb]
        assert now in before, f"Nova doesn't {verb} from {now}"
        moved = replace(server, status=after)
    return replace(state, servers=tuple(moved if server.id == moved.id else server for server in state.servers))


def subnet(name, cidr="10.0.0.0/24", **facts):
    """A wanted subnet."""
    return want.Subnet(name, cidr, 4, **facts)
