# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The present state of the cloud: one list request per kind of resource. Reads only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud, CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.concurrency import concurrently
from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import Cohort, NetworkStack, Rule, normal_rule
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import (
    Owner,
    owner_of_marker,
    owner_of_tags,
    tags,
)
from ansible_collections.ouseful.coursevm.plugins.module_utils.suggest import unknown

ROUTER_PORTS = (
    "network:router_interface",
    "network:router_interface_distributed",
    "network:ha_router_replicated_interface",
)
UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
READERS = 4
# Web servers take URLs of 8 KB; ours stay well below.
QUERY_LENGTH = 4000


@dataclass(frozen=True)
class Resource:
    """What every resource has."""

    id: str
    name: str
    owner: Owner | None


@dataclass(frozen=True)
class Network(Resource):
    mtu: int | None = None
    external: bool = False
    created_at: str | None = None


@dataclass(frozen=True)
class Subnet(Resource):
    cidr: str = ""
    ip_version: int = 4
    gateway_ip: str | None = None
    dns_nameservers: tuple[str, ...] = ()
    allocation_pools: tuple[tuple[str, str], ...] = ()
    enable_dhcp: bool = True
    ipv6_ra_mode: str | None = None
    ipv6_address_mode: str | None = None


@dataclass(frozen=True)
class Router(Resource):
    external_network_id: str | None = None


@dataclass(frozen=True)
class SecurityGroup(Resource):
    rules: tuple[tuple[str, Rule], ...] = ()  # (id, rule)


@dataclass(frozen=True)
class Port(Resource):
    network_id: str = ""
    device_id: str = ""
    device_owner: str = ""
    subnet_ids: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class FloatingIP(Resource):
    """``name`` is the address."""

    network_id: str = ""
    port_id: str | None = None
    fixed_address: str | None = None
    device_id: str | None = None  # the server's, where Neutron tells it


@dataclass(frozen=True)
class Server(Resource):
    status: str = "ACTIVE"
    task_state: str | None = None
    image_id: str | None = None
    flavor: str = ""
    networks: tuple[str, ...] = ()  # names
    addresses: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()  # names
    metadata: tuple[tuple[str, str], ...] = ()
    availability_zone: str | None = None
    key_name: str | None = None
    config_drive: bool = False
    volumes: tuple[tuple[str, bool], ...] = ()  # id, and whether it is deleted with the server
    created_at: str = ""
    updated_at: str = ""  # ISO 8601, UTC, by the cloud's clock
    launched: bool = True  # whether it ever ran, so that there may be a student's work on it
    fault: str | None = None


@dataclass(frozen=True)
class NetworkStackState:
    """Resources with the names of a network stack, ours or not, and what belongs to the network that is ours."""

    external_network_id: str | None = None
    networks: tuple[Network, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    routers: tuple[Router, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    ports: tuple[Port, ...] = ()
    undeclared: tuple[Network, ...] = ()  # of the cohort: of students not declared, and those of another name


@dataclass(frozen=True)
class Names:
    """What the names in a declaration stand for, looked up only when there is something to do.

    ``missing`` are networks and groups that are not there and needn't be.
    """

    flavor_id: str
    flavor: str
    networks: Mapping[str, tuple[str, str]]  # id and name by what is declared
    security_group_ids: tuple[str, ...] | None
    security_groups: tuple[str, ...] | None
    floating_network_id: str | None
    server_group_id: str | None = None
    server_group_members: tuple[str, ...] = ()  # ids of servers
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What is known before the instances are looked at: ids by name, and students for whom nothing can be done and why.

    It spares the requests of a run that has just made their network. ``undeclared`` are networks which are there, too.
    """

    networks: Mapping[str, str] = field(default_factory=dict)
    external_networks: Mapping[str, str] = field(default_factory=dict)
    security_groups: Mapping[str, str] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    undeclared: tuple[Network, ...] = ()  # as of NetworkStackState


NOTHING_KNOWN = Known()


@dataclass(frozen=True)
class CohortState:
    """A cohort's resources.

    ``flavor`` is the name of a flavor that is declared by its id. ``names``, ``ports`` (of the servers) and
    ``strangers`` (servers by name) are filled by the second look only, see ``rest_of_cohort``.
    """

    image_id: str | None = None
    servers: tuple[Server, ...] = ()
    floating_ips: tuple[FloatingIP, ...] = ()
    ports: tuple[Port, ...] = ()
    names: Names | None = None
    strangers: tuple[tuple[str, str, Owner | None], ...] = ()  # name, id and whose
    flavor: str | None = None


def ours(resources: Iterable[Any], cohort: str) -> list[Any]:
    """Those which this cohort owns."""
    return [resource for resource in resources if resource.owner and resource.owner.cohort == cohort]


def network_stacks(cloud: Cloud, stacks: Sequence[NetworkStack]) -> list[NetworkStackState]:
    """Look at everything called as the declaration says, and at the subnets and ports of the cohort's own networks.

    All networks are listed, to see those of the cohort that are not declared, too.
    """
    first, names = stacks[0], {stack.name for stack in stacks if stack.has_network}
    external_name = next((stack.external_network for stack in stacks if stack.external_network), None)
    found_networks, routers, groups = concurrently(
        lambda look: cloud.list("network", *look),
        [
            ("/networks", "networks"),
            ("/routers", "routers", {"project_id": cloud.project_id, **narrowed("name", names)}),
            ("/security-groups", "security_groups", {"project_id": cloud.project_id, "name": first.name}),
        ],
        READERS,
    )
    # An administrator sees every project's. The external network is another's
    networks = [
        network(body)
        for body in found_networks
        if body["name"] == external_name or body.get("project_id", cloud.project_id) == cloud.project_id
    ]
    external_id = None
    if first.present and external_name:
        in_use = {one.external_network_id for one in ours(map(router, routers), first.cohort)}
        external_id = external_name if external_name in in_use else _external_network(cloud, external_name, networks).id
    all_own = ours(networks, first.cohort)
    own_ids = [one.id for one in all_own if one.name in names]
    subnets, ports = [], []
    if own_ids:
        query = narrowed("network_id", own_ids)
        subnets, ports = concurrently(
            lambda look: cloud.list("network", *look),
            [("/subnets", "subnets", query), ("/ports", "ports", query)],
            READERS,
        )
    undeclared = [one for one in all_own if one.name not in names]
    all_routers = [router(body) for body in routers]
    all_groups = tuple(security_group(body) for body in groups)

    def of(stack: NetworkStack) -> NetworkStackState:
        called = [one for one in networks if one.name == stack.name and stack.has_network]
        within = {one.id for one in called} & set(own_ids)
        return NetworkStackState(
            external_network_id=external_id,
            networks=tuple(called),
            subnets=tuple(subnet(body) for body in subnets if body["network_id"] in within),
            routers=tuple(one for one in all_routers if one.name == stack.name and stack.has_network),
            security_groups=all_groups if stack.has_group else (),
            ports=tuple(port(body) for body in ports if body["network_id"] in within),
            undeclared=tuple(undeclared),
        )

    return [of(stack) for stack in stacks]


def narrowed(key: str, values: Iterable[str]) -> dict[str, list[str]]:
    """A query for these values alone; for all there are when so many don't fit into a URL."""
    values = sorted(values)
    return {key: values} if sum(len(key) + len(quote(value)) + 2 for value in values) < QUERY_LENGTH else {}


def cohort(cloud: Cloud, desired: Cohort) -> CohortState:
    """The first look, enough to see that nothing is to be done: servers, floating IPs, image and flavor."""
    looks = [
        lambda: servers(cloud, desired.cohort),
        lambda: floating_ips(cloud, desired.cohort),
        lambda: image_id(cloud, desired.image) if desired.makes else None,
        lambda: flavor_name(cloud, desired.flavor) if desired.makes else None,
    ]
    found_servers, found_addresses, found_image, found_flavor = concurrently(lambda look: look(), looks, READERS)
    return CohortState(found_image, flavor=found_flavor, servers=found_servers, floating_ips=found_addresses)


def rest_of_cohort(
    cloud: Cloud, desired: Cohort, state: CohortState, known: Known, may_be_missing: Collection[str] = ()
) -> CohortState:
    """The second look: ports, what the declared names stand for, and who else uses our names.

    ``may_be_missing`` are declared names of networks and groups that needn't be there: what would make them is only
    planning as well, or has failed.
    """
    # By their tags, which Nova gives to a server while it builds it: what another run for this cohort has made since
    # the first look is no stranger's.
    others = {"not-tags": ",".join(tags(desired.cohort))}
    lacks_some = desired.makes and {i.student for i in desired.instances} - {s.owner.student for s in state.servers}
    looks = [
        lambda: ports(cloud, [server.id for server in state.servers]),
        lambda: _names(cloud, desired, known, may_be_missing) if desired.makes else None,
        lambda: cloud.list("compute", "/servers/detail", "servers", others) if lacks_some else [],
    ]
    found_ports, names, strange_servers = concurrently(lambda look: look(), looks, READERS)
    strangers = tuple(
        (body["name"], body["id"], owner_of_tags(body.get("tags") or ()))
        for body in strange_servers
        if body["status"] != "BUILD"
    )
    return replace(state, ports=found_ports, names=names, strangers=strangers)


def server_ids(cloud: Cloud, cohort_name: str) -> set[str]:
    """Ids of the cohort's servers, in one request that costs the cloud little."""
    query = {"tags": ",".join(tags(cohort_name))}
    return {body["id"] for body in cloud.list("compute", "/servers", "servers", query)}


def servers(cloud: Cloud, cohort_name: str, changed_since: str | None = None) -> tuple[Server, ...]:
    """The cohort's servers, in one request, and one more for each that is in ERROR without a reason.

    With ``changed_since`` (as in Server.updated_at) those alone that have changed since. Who is gone is never among
    them: Nova forgets the tags, unless it keeps deleted servers for a while. Nova's list leaves out the fault of a
    server that never got a host: it is in a cell of its own.
    """
    query = {"tags": ",".join(tags(cohort_name))}
    if changed_since:
        query["changes-since"] = changed_since
    found = cloud.list("compute", "/servers/detail", "servers", query)
    # One that is DELETED is on its way out and still there
    bodies = [body for body in found if body["status"] != "SOFT_DELETED"]
    unexplained = [body for body in bodies if body["status"] == "ERROR" and not body.get("fault")]
    answers = concurrently(
        lambda body: cloud.get("compute", f"/servers/{body['id']}", missing_ok=True), unexplained, READERS
    )
    for body, answer in zip(unexplained, answers, strict=True):
        body["fault"] = answer.get("server", {}).get("fault")
    return tuple(sorted((server(body) for body in bodies), key=by_age))


def recorded_actions(cloud: Cloud, server_id: str) -> list[dict[str, Any]]:
    """What Nova was asked to do with a server, the latest first, with ``action`` and ``start_time``.

    Nothing of one that is gone, or has no host yet.
    """
    answer = cloud.get("compute", f"/servers/{server_id}/os-instance-actions", missing_ok=True)
    return answer.get("instanceActions", [])


def by_age(server: Server) -> tuple[str, str]:
    """Sorts servers: whoever has to choose one of two chooses the same as everyone else."""
    return server.created_at, server.id


def floating_ips(cloud: Cloud, cohort_name: str) -> tuple[FloatingIP, ...]:
    """The cohort's floating IPs, in one request."""
    found = cloud.list("network", "/floatingips", "floatingips", {"project_id": cloud.project_id})
    return tuple(ours((floating_ip(body) for body in found), cohort_name))


def ports(cloud: Cloud, server_ids: Collection[str]) -> tuple[Port, ...]:
    """The ports of these servers, in one request."""
    if not server_ids:
        return ()
    query = {"project_id": cloud.project_id, **narrowed("device_id", server_ids)}
    found = (port(body) for body in cloud.list("network", "/ports", "ports", query))
    return tuple(one for one in found if one.device_id in server_ids)


def images_for(cloud: Cloud, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The images that the project can use, as Glance tells them: an administrator is shown every project's."""
    found = cloud.list("image", "/images", "images", query)
    return [body for body in found if body.get("visibility") != "private" or body["owner"] == cloud.project_id]


def image_id(cloud: Cloud, wanted: str) -> str:
    """Id of the one usable image with that id or name."""
    found = []
    if UUID_PATTERN.fullmatch(wanted):
        found = [body] if (body := cloud.get("image", f"/images/{wanted}", missing_ok=True)) else []
    found = found or images_for(cloud, {"name": wanted})
    active = [body for body in found if body["status"] == "active"]
    if found and not active:
        raise CloudError(
            f"Image '{wanted}' ({found[0]['id']}) is {found[0]['status']}, not active: wait or upload it again."
        )
    if not active:
        raise CloudError(unknown("image", wanted, [body["name"] for body in images_for(cloud)]))
    if len(active) > 1:
        listed = ", ".join(f"{body['id']} of {body['created_at']}" for body in active)
        raise CloudError(f"{len(active)} images are called '{wanted}': {listed}. Give an id, or hide the old one.")
    return active[0]["id"]


def flavor_name(cloud: Cloud, wanted: str) -> str | None:
    """Name of the flavor whose id that is; None, and no request, where it doesn't look like one."""
    if not UUID_PATTERN.fullmatch(wanted):
        return None
    return cloud.get("compute", f"/flavors/{wanted}", missing_ok=True).get("flavor", {}).get("name")


def pick(kind: str, wanted: str, found: list[dict[str, Any]], cohort_name: str | None = None) -> dict[str, Any]:
    """The one entry with that id or name, the cohort's own first; CloudError with close names otherwise."""
    named = [body for body in found if body["id"] == wanted] or [body for body in found if body["name"] == wanted]
    if len(named) > 1 and cohort_name:
        own = [
            body
            for body in named
            if (owner := owner_of_marker(body.get("description"))) and owner.cohort == cohort_name
        ]
        named = own or named
    if not named:
        raise CloudError(unknown(kind, wanted, [body["name"] for body in found]))
    if len(named) > 1:
        raise CloudError(
            f"{len(named)} {kind}s are called '{wanted}': {', '.join(b['id'] for b in named)}. Give an id."
        )
    return named[0]


def _names(cloud: Cloud, desired: Cohort, known: Known, may_be_missing: Collection[str]) -> Names:
    network_names = {desired.network_of(instance) for instance in desired.instances}
    floating, group_names = {desired.floating_network} - {None}, set(desired.security_groups or ())
    no_networks = network_names <= known.networks.keys() and floating <= known.external_networks.keys()
    no_groups = group_names <= known.security_groups.keys()
    of_project = {"project_id": cloud.project_id, "fields": ["id", "name", "description"]}
    flavors, all_networks, groups = concurrently(
        lambda look: cloud.list(*look) if look else [],
        [
            ("compute", "/flavors", "flavors"),
            None if no_networks else ("network", "/networks", "networks"),
            None if no_groups else ("network", "/security-groups", "security_groups", of_project),
        ],
        READERS,
    )
    # An administrator sees every project's
    networks = [
        body
        for body in all_networks
        if body.get("shared") or body.get("router:external") or body.get("project_id") in (None, cloud.project_id)
    ]
    external = [body for body in networks if body.get("router:external")]
    missing = []

    def chosen(kind: str, wanted: str, found: list[dict[str, Any]], ids: Mapping[str, str]) -> tuple[str, str]:
        """Id and name."""
        if wanted in ids:
            return ids[wanted], wanted
        if wanted in may_be_missing and not any(wanted in (body["id"], body["name"]) for body in found):
            missing.append(f"{kind} {wanted}")
            return "", wanted
        body = pick(kind, wanted, found, desired.cohort)
        return body["id"], body["name"]

    flavor = pick("flavor", desired.flavor, flavors)
    found_groups = None
    if desired.security_groups is not None:
        found_groups = [chosen("security group", name, groups, known.security_groups) for name in sorted(group_names)]
    group = {"id": None, "members": []}
    if desired.server_group is not None:
        server_groups = cloud.list("compute", "/os-server-groups", "server_groups")
        group = pick("server group", desired.server_group, server_groups)
    if desired.key_name is not None:
        _check_keypair(cloud, desired.key_name)
    return Names(
        flavor_id=flavor["id"],
        flavor=flavor["name"],
        networks={name: chosen("network", name, networks, known.networks) for name in sorted(network_names)},
        security_group_ids=None if found_groups is None else tuple(sorted(one for one, _name in found_groups)),
        security_groups=None if found_groups is None else tuple(sorted(name for _id, name in found_groups)),
        floating_network_id=chosen("external network", desired.floating_network, external, known.external_networks)[0]
        if desired.floating_network
        else None,
        server_group_id=group["id"],
        server_group_members=tuple(group["members"]),
        missing=tuple(missing),
    )


def _check_keypair(cloud: Cloud, wanted: str) -> None:
    """A keypair belongs to the user, not to the project: what a colleague uploaded isn't there."""
    known = [body["keypair"]["name"] for body in cloud.list("compute", "/os-keypairs", "keypairs")]
    if wanted not in known:
        raise CloudError(unknown("keypair of the user", wanted, known))


def _external_network(cloud: Cloud, wanted: str, found: list[Network]) -> Network:
    named = [network for network in found if network.name == wanted]
    if not named:  # perhaps it is an id; if it isn't, the error lists what there is
        everything = cloud.list("network", "/networks", "networks", {"router:external": True})
        return network(pick("external network", wanted, everything))
    external = [network for network in named if network.external]
    if not external:
        raise CloudError(f"external_network: network '{wanted}' ({named[0].id}) is not an external one.")
    if len(external) > 1:
        ids = ", ".join(network.id for network in external)
        raise CloudError(f"external_network: {len(external)} are called '{wanted}': {ids}. Give an id.")
    return external[0]


def network(body: dict[str, Any]) -> Network:
    owner = owner_of_marker(body.get("description"))
    external = bool(body.get("router:external"))
    return Network(body["id"], body["name"], owner, body.get("mtu"), external, body.get("created_at"))


def subnet(body: dict[str, Any]) -> Subnet:
    return Subnet(
        body["id"],
        body["name"],
        owner_of_marker(body.get("description")),
        cidr=body["cidr"],
        ip_version=body["ip_version"],
        gateway_ip=body["gateway_ip"],
        dns_nameservers=tuple(body["dns_nameservers"]),
        allocation_pools=tuple(sorted((pool["start"], pool["end"]) for pool in body["allocation_pools"])),
        enable_dhcp=body["enable_dhcp"],
        ipv6_ra_mode=body["ipv6_ra_mode"],
        ipv6_address_mode=body["ipv6_address_mode"],
    )


def router(body: dict[str, Any]) -> Router:
    gateway = body.get("external_gateway_info") or {}
    return Router(body["id"], body["name"], owner_of_marker(body.get("description")), gateway.get("network_id"))


def security_group(body: dict[str, Any]) -> SecurityGroup:
    """Make a SecurityGroup from Neutron's answer."""
    rules = tuple((rule["id"], _rule(rule)) for rule in body["security_group_rules"])
    return SecurityGroup(body["id"], body["name"], owner_of_marker(body.get("description")), rules)


def _rule(body: dict[str, Any]) -> Rule:
    group = body.get("remote_group_id") or body.get("remote_address_group_id")
    return normal_rule(
        Rule(
            body["direction"],
            body["ethertype"],
            body["protocol"],
            body["port_range_min"],
            body["port_range_max"],
            f"group {group}" if group else body["remote_ip_prefix"],
        )
    )


def port(body: dict[str, Any]) -> Port:
    """Make a Port from Neutron's answer."""
    return Port(
        body["id"],
        body["name"],
        owner_of_marker(body.get("description")),
        network_id=body["network_id"],
        device_id=body["device_id"],
        device_owner=body["device_owner"],
        subnet_ids=tuple(address["subnet_id"] for address in body["fixed_ips"]),
        addresses=tuple(address["ip_address"] for address in body["fixed_ips"]),
        security_group_ids=tuple(sorted(body["security_groups"])),
    )


def floating_ip(body: dict[str, Any]) -> FloatingIP:
    """Make a FloatingIP from Neutron's answer."""
    return FloatingIP(
        body["id"],
        body["floating_ip_address"],
        owner_of_marker(body.get("description")),
        network_id=body["floating_network_id"],
        port_id=body["port_id"],
        fixed_address=body["fixed_ip_address"],
        device_id=(body.get("port_details") or {}).get("device_id"),
    )


def server(body: dict[str, Any]) -> Server:
    """Make a Server from Nova's answer; of a cell that is down there is little in it."""
    interfaces = body.get("addresses") or {}
    fixed = [a["addr"] for group in interfaces.values() for a in group if a.get("OS-EXT-IPS:type") != "floating"]
    fault = body.get("fault") or {}
    return Server(
        body["id"],
        body.get("name", body["id"]),
        owner_of_tags(body.get("tags") or ()),
        status=body.get("status", "UNKNOWN"),
        task_state=body.get("OS-EXT-STS:task_state"),
        image_id=(body.get("image") or {}).get("id"),
        flavor=(body.get("flavor") or {}).get("original_name", ""),
        networks=tuple(sorted(interfaces)),
        addresses=tuple(fixed),
        security_groups=tuple(sorted({group["name"] for group in body.get("security_groups") or ()})),
        metadata=tuple(sorted((body.get("metadata") or {}).items())),
        availability_zone=body.get("OS-EXT-AZ:availability_zone"),
        key_name=body.get("key_name"),
        config_drive=bool(body.get("config_drive")),
        volumes=tuple(
            (volume["id"], volume["delete_on_termination"])
            for volume in body.get("os-extended-volumes:volumes_attached") or ()
        ),
        created_at=body.get("created", ""),
        updated_at=body.get("updated") or "",
        launched=bool(body.get("OS-SRV-USG:launched_at")),
        fault=fault.get("message"),
    )
