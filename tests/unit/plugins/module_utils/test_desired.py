"""What parameters are refused, and how they are put into one form."""

from __future__ import annotations

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired
from ansible_collections.ouseful.coursevm.plugins.module_utils.arguments import INSTANCE
from ansible_collections.ouseful.coursevm.plugins.module_utils.arguments import SUBNET as SUBNET_ARGUMENTS
from ansible_collections.ouseful.coursevm.plugins.modules.instances import ARGUMENTS

SUBNET = dict.fromkeys(SUBNET_ARGUMENTS)
RULE = {
    "direction": "ingress",
    "ethertype": None,
    "protocol": "tcp",
    "port_range_min": 22,
    "port_range_max": None,
    "remote_ip_prefix": None,
    "description": None,
}


def stack(subnets=(), rules=(), **parameters):
    """Parameters of network_stack."""
    return {
        "cohort": "demo",
        "name": None,
        "external_network": None,
        "default_egress": None,
        "students": None,
        "state": "present",
        "subnets": [{**SUBNET, **subnet} for subnet in subnets],
        "security_group_rules": [{**RULE, **rule} for rule in rules],
        **parameters,
    }


def cohort(*instances, **parameters):
    """Parameters of instances."""
    common = dict.fromkeys(ARGUMENTS) | {"network": "coursevm-demo"}
    empty = dict.fromkeys(INSTANCE)
    listed = [{**empty, **instance} for instance in instances]
    return common | {"cohort": "demo", "instances": listed, "state": "present", "prune": False} | parameters


def test_names_follow_from_the_cohort():
    (wanted,) = desired.network_stacks(stack([{"cidr": "10.0.0.0/24"}, {"cidr": "fd00::/64"}]))
    assert (wanted.name, [subnet.name for subnet in wanted.subnets]) == (
        "coursevm-demo",
        ["coursevm-demo-4", "coursevm-demo-6"],
    )
    assert desired.cohort(cohort({"student": "ada"})).instances[0].name == "demo-ada"


def whole(**parameters):
    """The network stacks and the cohort from parameters of the module cohort, for ada and bob."""
    common = {**stack(), **cohort({"student": "ada"}, {"student": "bob", "network": "theirs"}), "name": None}
    common |= {"external_network": "public", "network_per_student": False, "floating_ips": True}
    return desired.stacks_and_cohort(common | parameters)


def test_the_instances_of_a_whole_cohort_are_on_its_network():
    (network,), wanted = whole()
    assert (network.name, wanted.network, wanted.security_groups) == ("coursevm-demo",) * 2 + (("coursevm-demo",),)
    assert (network.present, wanted.floating_network) == (True, "public")
    assert [instance.network for instance in wanted.instances] == [None, "theirs"]
    (network,), wanted = whole(name="lab", security_groups=["default"], floating_ips=False, state="absent")
    assert (network.name, wanted.network, wanted.security_groups) == ("lab", "lab", ("default",))
    assert (network.present, wanted.floating_network) == (False, None)


def test_the_instances_of_a_whole_cohort_are_on_a_network_each():
    stacks, wanted = whole(network_per_student=True)
    assert [stack.student for stack in stacks] == [None, "ada", "bob"]
    assert [instance.network for instance in wanted.instances] == ["coursevm-demo-ada", "theirs"]


def test_each_student_has_the_same_network_and_all_have_one_group():
    common, ada, bob = desired.network_stacks(stack([{"cidr": "10.0.0.0/24"}], [{}], students=["ada", "bob"]))
    assert (common.name, common.has_network, common.has_group, len(common.rules)) == ("coursevm-demo", False, True, 1)
    assert (ada.name, ada.student, ada.has_group, ada.rules) == ("coursevm-demo-ada", "ada", False, ())
    assert [subnet.name for subnet in bob.subnets] == ["coursevm-demo-bob-4"]
    assert ada.subnets[0].cidr == bob.subnets[0].cidr


def test_a_network_is_not_needed_where_nothing_is_made():
    for state in ("absent", "stopped", "shelved"):
        assert desired.cohort(cohort({"student": "ada"}, network=None, state=state)).state == state
    one, other = desired.cohort(cohort({"student": "ada", "network": "x"}, {"student": "bob"})).instances
    assert (one.network, other.network) == ("x", None)


def test_addresses_have_one_form():
    facts = {"gateway_ip": "FE80::0:1", "dns_nameservers": ["2001:DB8:0::53"]}
    (subnet,) = desired.network_stacks(stack([{"cidr": "fd00::/64", **facts}]))[0].subnets
    assert (subnet.ip_version, subnet.gateway_ip, subnet.dns_nameservers) == (6, "fe80::1", ("2001:db8::53",))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"remote_ip_prefix": "0.0.0.0/0"}, "ingress tcp 22 from anywhere (IPv4)"),
        ({"remote_ip_prefix": "::/0"}, "ingress tcp 22 from anywhere (IPv6)"),
        ({"remote_ip_prefix": "10.1.2.3/8", "port_range_max": 30}, "ingress tcp 22-30 from 10.0.0.0/8 (IPv4)"),
        ({"protocol": "6"}, "ingress tcp 22 from anywhere (IPv4)"),
        ({"protocol": "47", "port_range_min": None}, "ingress gre from anywhere (IPv4)"),
        (
            {"protocol": "icmp", "ethertype": "IPv6", "port_range_min": None},
            "ingress ipv6-icmp from anywhere (IPv6)",
        ),
        (
            {"protocol": "ICMP", "port_range_min": 8, "port_range_max": 0},
            "ingress icmp type 8, code 0, from anywhere (IPv4)",
        ),
        ({"protocol": "icmp", "port_range_min": 8}, "ingress icmp type 8, any code, from anywhere (IPv4)"),
        ({"protocol": None, "port_range_min": None}, "ingress any protocol from anywhere (IPv4)"),
    ],
)
def test_rules_have_one_form(rule, text):
    ((made, _description),) = desired.network_stacks(stack(rules=[rule]))[0].rules
    assert str(made) == text


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (stack(cohort="Demo!"), "cohort: 'Demo!' can't become part of a host name"),
        (stack([{"cidr": "10.0.0.300/24"}]), r"subnets\[0\].cidr: '10.0.0.300/24'.*give a network"),
        (stack([{"cidr": "10.0.0.0/24", "gateway_ip": "10.1.0.1"}]), "gateway_ip: 10.1.0.1 is not in 10.0.0.0/24"),
        (stack([{"cidr": "10.0.0.0/24"}, {"cidr": "10.1.0.0/24"}]), "2 are called 'coursevm-demo-4'"),
        (stack([{"cidr": "10.0.0.0/24", "dns_nameservers": ["dns"]}]), "dns_nameservers: 'dns' is no IP address"),
        (stack([{"cidr": "10.0.0.0/24", "ipv6_ra_mode": "slaac"}]), "ipv6_ra_mode: 10.0.0.0/24 is IPv4; leave it out"),
        (
            stack([{"cidr": "fd00::/64", "ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"}]),
            "dhcpv6-stateful and slaac don't go together",
        ),
        (stack([{"cidr": "fd00::/60", "ipv6_ra_mode": "slaac"}]), "slaac needs a /64, fd00::/60 is a /60"),
        (
            stack([{"cidr": "fd00::/64", "ipv6_ra_mode": "slaac", "enable_dhcp": False}]),
            "slaac needs DHCP; leave enable_dhcp out",
        ),
        (stack(students=[]), "students: is empty; leave it out"),
        (stack(students=["Ada"]), "students: 'Ada' can't become part of a host name"),
        (stack(students=["ada", "ada"]), "students: id 'ada' is listed 2 times"),
        (stack(rules=[{}, {}]), "'ingress tcp 22 from anywhere .IPv4.' is listed twice"),
        (stack(rules=[{"protocol": None}]), "ports 22-22 are given but no protocol"),
        (stack(rules=[{"port_range_min": 80, "port_range_max": 22}]), "80-22 is no range of ports"),
        (stack(rules=[{"protocol": "icmp", "port_range_min": 300}]), "port_range_min: 300 is no type or code of ICMP"),
        (
            stack(rules=[{"protocol": "icmp", "port_range_min": None, "port_range_max": 0}]),
            "port_range_max: code 0 is given but no type of message",
        ),
        (stack(rules=[{"remote_ip_prefix": "x"}]), "remote_ip_prefix: 'x' is no network"),
        (stack(rules=[{"remote_ip_prefix": "::/0", "ethertype": "IPv4"}]), "'::/0' is IPv6, but ethertype is IPv4"),
    ],
)
def test_a_network_stack_that_cannot_be_is_refused(parameters, message):
    with pytest.raises(desired.DesiredError, match=message):
        desired.network_stacks(parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (cohort({"student": "Ada"}), r"instances\[0\].student: 'Ada'"),
        (cohort({"student": "ada"}, {"student": "ada"}), "student 'ada' is listed 2 times"),
        (cohort({"student": "ada", "name": "x"}, {"student": "bob", "name": "x"}), "name 'x' is listed 2 times"),
        (cohort({"student": "ada", "metadata": {"coursevm:x": 1}}), "'coursevm:x' is reserved"),
        (cohort({"student": "ada", "metadata": {"x": "y" * 256}}), "metadata 'x' is too long"),
        (cohort({"student": "ada", "user_data": "x" * 50000}), "user_data has 66668 bytes in base64, Nova takes 65535"),
        (cohort(prune=True), "prune: instances is empty, which would remove the whole cohort"),
        (cohort({"student": "ada"}, network=None), "network: none is given for ada; give network, or one for each"),
        (cohort(volume_size=0), "volume_size: 0 GiB is no size of a volume"),
        (cohort(state="absent", prune=True), "prune: goes with state present only"),
    ],
)
def test_instances_that_cannot_be_are_refused(parameters, message):
    with pytest.raises(desired.DesiredError, match=message):
        desired.cohort(parameters)


def test_user_data_is_compared_by_its_hash():
    first, second = (
        desired.cohort(cohort({"student": "ada", "user_data": text})).instances[0] for text in ("#cloud-config", "")
    )
    assert first.full_metadata != second.full_metadata
    assert "cloud-config" not in str(first.full_metadata)
