# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wanted, made from module parameters and checked. Touches nothing.

Every problem is a DesiredError that names the option, its value and what to do.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import PREFIX

NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,30}")
# Nova's limit on the base64 text.
USER_DATA_LENGTH = 65535
USER_DATA_FACT = f"{PREFIX}:user_data_sha256"
SERVER_GROUP_FACT = f"{PREFIX}:server_group"
VOLUME_FACT = f"{PREFIX}:volume"
ANYWHERE = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}
# What Neutron knows by number and name.
ICMP = ("icmp", "ipv6-icmp")
PROTOCOLS = {
    "1": "icmp",
    "2": "igmp",
    "4": "ipip",
    "6": "tcp",
    "8": "egp",
    "17": "udp",
    "33": "dccp",
    "41": "ipv6-encap",
    "43": "ipv6-route",
    "44": "ipv6-frag",
    "46": "rsvp",
    "47": "gre",
    "50": "esp",
    "51": "ah",
    "58": "ipv6-icmp",
    "59": "ipv6-nonxt",
    "60": "ipv6-opts",
    "89": "ospf",
    "112": "vrrp",
    "113": "pgm",
    "132": "sctp",
    "136": "udplite",
}


class DesiredError(Exception):
    """A parameter that can't be carried out, in words."""


@dataclass(frozen=True)
class Subnet:
    """A wanted subnet; None stands for what isn't declared and so isn't compared."""

    name: str
    cidr: str
    ip_version: int
    gateway_ip: str | None = None
    dns_nameservers: tuple[str, ...] | None = None
    allocation_pools: tuple[tuple[str, str], ...] | None = None
    enable_dhcp: bool | None = None
    ipv6_ra_mode: str | None = None
    ipv6_address_mode: str | None = None


@dataclass(frozen=True)
class Rule:
    """What a security group rule allows; None means any. Both ends compare these."""

    direction: str
    ethertype: str
    protocol: str | None
    port_range_min: int | None
    port_range_max: int | None
    remote_ip_prefix: str | None

    def __str__(self) -> str:
        """Say it as a person would: 'ingress tcp 22 from anywhere (IPv4)'."""
        ports = ""
        if self.protocol in ICMP and self.port_range_min is not None:
            code = "any code" if self.port_range_max is None else f"code {self.port_range_max}"
            ports = f" type {self.port_range_min}, {code},"
        elif self.port_range_min is not None:
            ports = f" {self.port_range_min}"
            if self.port_range_max not in (None, self.port_range_min):
                ports += f"-{self.port_range_max}"
        way = "from" if self.direction == "ingress" else "to"
        remote = self.remote_ip_prefix or "anywhere"
        return f"{self.direction} {self.protocol or 'any protocol'}{ports} {way} {remote} ({self.ethertype})"


@dataclass(frozen=True)
class NetworkStack:
    """A network with its subnets and router, the cohort's or one student's, and the cohort's security group.

    Where every student has a network, the group has a stack of its own (``has_network`` is false).
    """

    cohort: str
    name: str
    external_network: str | None = None
    subnets: tuple[Subnet, ...] = ()
    rules: tuple[tuple[Rule, str], ...] = ()  # each with its description
    present: bool = True
    default_egress: bool | None = None
    student: str | None = None
    has_network: bool = True
    has_group: bool = True


@dataclass(frozen=True)
class Instance:
    """One student's wanted server."""

    student: str
    name: str
    user_data: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    network: str | None = None  # the cohort's, when not given

    @property
    def encoded_user_data(self) -> str:
        """The user data as Nova takes it."""
        return base64.b64encode(self.user_data.encode()).decode()

    @property
    def full_metadata(self) -> dict[str, str]:
        """The metadata, with what else has to be compared but can't be read back: the hash of the user data."""
        return {**dict(self.metadata), USER_DATA_FACT: hashlib.sha256(self.user_data.encode()).hexdigest()}


@dataclass(frozen=True)
class Cohort:
    """The wanted instances of a cohort and what they have in common."""

    cohort: str
    instances: tuple[Instance, ...]
    image: str | None = None
    flavor: str | None = None
    network: str | None = None
    security_groups: tuple[str, ...] | None = None
    floating_network: str | None = None
    availability_zone: str | None = None
    key_name: str | None = None
    config_drive: bool | None = None
    server_group: str | None = None
    volume_size: int | None = None  # GiB
    delete_on_termination: bool | None = None  # of the volume; None: of new ones yes
    state: str = "present"
    prune: bool = False

    def network_of(self, instance: Instance) -> str:
        """The network that an instance is declared on."""
        return instance.network or self.network

    @property
    def removes(self) -> bool:
        """Whether the instances are to be gone."""
        return self.state == "absent"

    @property
    def makes(self) -> bool:
        """Whether what is missing is made, and all that is declared compared."""
        return self.state in ("present", "started", "resized", "rebuilt")

    @property
    def keeps_volumes(self) -> bool:
        """Whether the volumes stay when their servers go."""
        return self.volume_size is not None and self.delete_on_termination is False

    def lasting_facts(self, image_id: str | None) -> dict[str, str]:
        """What a server keeps for life and Nova's list doesn't tell: recorded in the metadata of new servers."""
        facts = {}
        if self.server_group is not None:
            facts[SERVER_GROUP_FACT] = self.server_group
        if self.volume_size is not None:
            facts[VOLUME_FACT] = f"{self.volume_size} GiB of image {image_id}"
        return facts


def network_stacks(parameters: dict[str, Any]) -> tuple[NetworkStack, ...]:
    """Make the stacks from the parameters of the module network_stack: one, or the group's and one for each student."""
    cohort = _checked_name("cohort", parameters["cohort"])
    name = parameters["name"] or f"coursevm-{cohort}"
    whole = NetworkStack(
        cohort,
        name,
        parameters["external_network"],
        _subnets(name, parameters["subnets"] or []),
        _rules(parameters["security_group_rules"] or []),
        present=parameters["state"] == "present",
        default_egress=parameters["default_egress"],
    )
    students = parameters["students"]
    if students is None:
        return (whole,)
    if not students:
        raise DesiredError("students: is empty; leave it out for one network that the whole cohort shares.")
    _check_once("students", "id", [_checked_name("students", student) for student in students])
    common = replace(whole, subnets=(), external_network=None, has_network=False)
    own = []
    for student in students:
        subnets = _subnets(f"{name}-{student}", parameters["subnets"] or [])
        own.append(
            replace(whole, name=f"{name}-{student}", student=student, subnets=subnets, rules=(), has_group=False)
        )
    return (common, *own)


def _subnets(network: str, given: list[dict[str, Any]]) -> tuple[Subnet, ...]:
    subnets = tuple(_subnet(index, network, one) for index, one in enumerate(given))
    names = [subnet.name for subnet in subnets]
    for subnet in subnets:
        if names.count(subnet.name) > 1:
            raise DesiredError(
                f"subnets: {names.count(subnet.name)} are called '{subnet.name}'; give each its own name."
            )
    return subnets


def _rules(given: list[dict[str, Any]]) -> tuple[tuple[Rule, str], ...]:
    rules = tuple(_rule(index, one) for index, one in enumerate(given))
    seen = set()
    for rule, _description in rules:
        if rule in seen:
            raise DesiredError(f"security_group_rules: '{rule}' is listed twice; keep one.")
        seen.add(rule)
    return rules


def _check_once(option: str, field: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise DesiredError(f"{option}: {field} '{value}' is listed {values.count(value)} times; keep one.")


def cohort(parameters: dict[str, Any]) -> Cohort:
    """Make a Cohort from the parameters of the module instances."""
    name = _checked_name("cohort", parameters["cohort"])
    instances = tuple(_instance(name, index, given) for index, given in enumerate(parameters["instances"]))
    for field in ("student", "name"):
        _check_once("instances", field, [getattr(instance, field) for instance in instances])
    if parameters["prune"] and parameters["state"] != "present":
        raise DesiredError("prune: goes with state present only; with state absent list the students to remove.")
    if parameters["prune"] and not instances:
        raise DesiredError(
            "prune: instances is empty, which would remove the whole cohort; list its students with state absent."
        )
    without = [i.student for i in instances if not (i.network or parameters["network"])]
    if without and parameters["state"] not in ("absent", "stopped", "shelved"):
        raise DesiredError(f"network: none is given for {', '.join(without)}; give network, or one for each instance.")
    groups, size = parameters["security_groups"], parameters["volume_size"]
    if size is not None and size < 1:
        raise DesiredError(f"volume_size: {size} GiB is no size of a volume; give at least that of the image.")
    return Cohort(
        cohort=name,
        instances=instances,
        image=parameters["image"],
        flavor=parameters["flavor"],
        network=parameters["network"],
        security_groups=None if groups is None else tuple(sorted(set(groups))),
        floating_network=parameters["floating_network"],
        availability_zone=parameters["availability_zone"],
        key_name=parameters["key_name"],
        config_drive=parameters["config_drive"],
        server_group=parameters["server_group"],
        volume_size=size,
        delete_on_termination=parameters["delete_on_termination"],
        state=parameters["state"],
        prune=parameters["prune"],
    )


def stacks_and_cohort(parameters: dict[str, Any]) -> tuple[tuple[NetworkStack, ...], Cohort]:
    """Make both from the parameters of the module cohort: the instances are on the network stack's network."""
    checked = _checked_name("cohort", parameters["cohort"])
    name = parameters["name"] or f"coursevm-{checked}"
    per_student, given = parameters["network_per_student"], parameters["instances"]
    instances = [{**one, "network": one["network"] or f"{name}-{one['student']}"} for one in given]
    groups = parameters["security_groups"]
    cohort_wanted = cohort(
        {
            **parameters,
            "instances": instances if per_student else given,
            "network": name,
            "security_groups": [name] if groups is None else groups,
            "floating_network": parameters["external_network"] if parameters["floating_ips"] else None,
        }
    )
    students = [instance.student for instance in cohort_wanted.instances] if per_student else None
    state = "absent" if cohort_wanted.removes else "present"
    return network_stacks({**parameters, "students": students, "state": state}), cohort_wanted


def _checked_name(option: str, value: str) -> str:
    if not NAME_PATTERN.fullmatch(value):
        raise DesiredError(
            f"{option}: '{value}' can't become part of a host name; "
            "use 1 to 31 lower case letters, digits and hyphens, beginning with a letter."
        )
    return value


def _instance(cohort_name: str, index: int, given: dict[str, Any]) -> Instance:
    student = _checked_name(f"instances[{index}].student", given["student"])
    where = f"instances[{index}] ({student})"
    metadata = {}
    for key, value in (given["metadata"] or {}).items():
        if str(key).startswith(f"{PREFIX}:"):
            raise DesiredError(
                f"{where}: metadata key '{key}' is reserved; use one that doesn't begin with '{PREFIX}:'."
            )
        text = value if isinstance(value, str) else str(value)
        if len(text) > 255 or not 0 < len(str(key)) <= 255:
            raise DesiredError(f"{where}: metadata '{key}' is too long; Nova takes 255 characters for key and value.")
        metadata[str(key)] = text
    instance = Instance(
        student=student,
        name=given["name"] or f"{cohort_name}-{student}",
        user_data=given["user_data"] or "",
        metadata=tuple(sorted(metadata.items())),
        network=given["network"],
    )
    length = len(instance.encoded_user_data)
    if length > USER_DATA_LENGTH:
        raise DesiredError(
            f"{where}: user_data has {length} bytes in base64, Nova takes {USER_DATA_LENGTH}; "
            "put large files into the image or let a role copy them."
        )
    return instance


def _subnet(index: int, network: str, given: dict[str, Any]) -> Subnet:
    where = f"subnets[{index}]"
    try:
        cidr = ipaddress.ip_network(given["cidr"])
    except ValueError as error:
        raise DesiredError(f"{where}.cidr: '{given['cidr']}': {error}; give a network such as 10.30.0.0/20.") from error

    def inside(option: str, value: str) -> str:
        address = _address(f"{where}.{option}", value)
        is_router = option == "gateway_ip" and address.version == 6 and address.is_link_local
        if address not in cidr and not is_router:
            raise DesiredError(f"{where}.{option}: {value} is not in {cidr}.")
        return str(address)

    pools = given["allocation_pools"]
    gateway, servers = given["gateway_ip"], given["dns_nameservers"]
    return Subnet(
        name=given["name"] or f"{network}-{cidr.version}",
        cidr=str(cidr),
        ip_version=cidr.version,
        gateway_ip=None if gateway is None else inside("gateway_ip", gateway),
        dns_nameservers=None
        if servers is None
        else tuple(str(_address(f"{where}.dns_nameservers", server)) for server in servers),
        allocation_pools=None
        if pools is None
        else tuple(
            sorted(
                (inside("allocation_pools.start", p["start"]), inside("allocation_pools.end", p["end"])) for p in pools
            )
        ),
        enable_dhcp=given["enable_dhcp"],
        **_ipv6_modes(where, cidr, given),
    )


def _address(where: str, value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(value)
    except ValueError as error:
        raise DesiredError(f"{where}: '{value}' is no IP address.") from error


def _ipv6_modes(where: str, cidr: ipaddress.IPv4Network | ipaddress.IPv6Network, given: dict[str, Any]) -> dict:
    """The two modes; what Neutron would refuse is refused here, in words."""
    modes = {option: given[option] for option in ("ipv6_ra_mode", "ipv6_address_mode")}
    chosen = sorted({mode for mode in modes.values() if mode})
    named = " and ".join(option for option, mode in modes.items() if mode)
    if chosen and cidr.version == 4:
        raise DesiredError(f"{where}.{named}: {cidr} is IPv4; leave it out.")
    if len(chosen) > 1:
        raise DesiredError(f"{where}.{named}: {' and '.join(chosen)} don't go together; give both the same mode.")
    if chosen and chosen[0] != "dhcpv6-stateful" and cidr.prefixlen != 64:
        raise DesiredError(f"{where}.{named}: {chosen[0]} needs a /64, {cidr} is a /{cidr.prefixlen}.")
    if chosen and given["enable_dhcp"] is False:
        raise DesiredError(f"{where}.{named}: {chosen[0]} needs DHCP; leave enable_dhcp out or set it to true.")
    return modes


def _rule(index: int, given: dict[str, Any]) -> tuple[Rule, str]:
    where = f"security_group_rules[{index}]"
    prefix = given["remote_ip_prefix"]
    ethertype = given["ethertype"]
    if prefix is not None:
        try:
            network = ipaddress.ip_network(prefix, strict=False)
        except ValueError as error:
            raise DesiredError(
                f"{where}.remote_ip_prefix: '{prefix}' is no network; use one like 0.0.0.0/0."
            ) from error
        actual = f"IPv{network.version}"
        if ethertype not in (None, actual):
            raise DesiredError(f"{where}.remote_ip_prefix: '{prefix}' is {actual}, but ethertype is {ethertype}.")
        prefix, ethertype = str(network), actual
    low, high = given["port_range_min"], given["port_range_max"]
    protocol = normal_protocol(given["protocol"])
    if protocol in ICMP:
        _check_icmp(where, low, high)
    else:
        low, high = (high if low is None else low), (low if high is None else high)
    if low is not None and protocol is None:
        raise DesiredError(f"{where}: ports {low}-{high} are given but no protocol; say tcp or udp.")
    if low is not None and protocol in ("tcp", "udp") and not 1 <= low <= high <= 65535:
        raise DesiredError(f"{where}: {low}-{high} is no range of ports; they go from 1 to 65535.")
    rule = Rule(given["direction"], ethertype or "IPv4", protocol, low, high, prefix)
    return normal_rule(rule), given["description"] or ""


def _check_icmp(where: str, kind: int | None, code: int | None) -> None:
    """A message's type and, unless any will do, its code; Neutron calls them the first and the last port."""
    if kind is None and code is not None:
        raise DesiredError(f"{where}.port_range_max: code {code} is given but no type of message (port_range_min).")
    for name, value in (("port_range_min", kind), ("port_range_max", code)):
        if value is not None and not 0 <= value <= 255:
            raise DesiredError(f"{where}.{name}: {value} is no type or code of ICMP; they go from 0 to 255.")


def normal_protocol(protocol: str | int | None) -> str | None:
    """One spelling for each protocol that Neutron knows by several."""
    text = str(protocol).lower() if protocol is not None else "any"
    return {"any": None, "0": None, "icmpv6": "ipv6-icmp", **PROTOCOLS}.get(text, text)


def normal_rule(rule: Rule) -> Rule:
    """The one form in which rules are compared: one spelling for a protocol, and for "from anywhere"."""
    prefix = None if rule.remote_ip_prefix == ANYWHERE.get(rule.ethertype) else rule.remote_ip_prefix
    protocol = normal_protocol(rule.protocol)
    if protocol == "icmp" and rule.ethertype == "IPv6":
        protocol = "ipv6-icmp"
    return replace(rule, protocol=protocol, remote_ip_prefix=prefix)
