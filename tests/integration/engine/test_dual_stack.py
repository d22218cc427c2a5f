"""A network with IPv4 and IPv6 behind one router, and what is let out of it."""

from __future__ import annotations

import ipaddress

import pytest
from openstack.exceptions import ConflictException

SLAAC = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
SUBNETS = [
    {"cidr": "10.78.0.0/24", "dns_nameservers": ["9.9.9.9"]},
    {"cidr": "fd00:78::/64", "dns_nameservers": ["2620:00FE::fe"], **SLAAC},
]
RULES = [
    {"protocol": "6", "port_range_min": 22},
    {"protocol": "icmp", "ethertype": "IPv6"},
    {"protocol": "tcp", "port_range_min": 22, "remote_ip_prefix": "::/0"},
    {"protocol": "112", "remote_ip_prefix": "10.78.0.0/24"},
]
WEB = {"direction": "egress", "protocol": "tcp", "port_range_min": 443}


def declared(engine, rules=RULES, **changes):
    return engine.stack(**{"subnets": SUBNETS, "security_group_rules": rules, **changes})


def outgoing(engine):
    group = engine.cloud.network.find_security_group(engine.network, ignore_missing=False)
    return sorted(
        f"{rule['ethertype']} {rule['protocol']} {rule['port_range_min']}"
        for rule in group.security_group_rules
        if rule["direction"] == "egress"
    )


@pytest.fixture(scope="module")
def stack(engine):
    """The network stack, made from nothing."""
    (result,) = engine.run(declared(engine)).results
    assert not result.get("failed"), result
    return result


def test_both_families_are_on_the_router_and_stay_as_declared(engine, stack):
    assert [subnet["ip_version"] for subnet in stack["subnets"]] == [4, 6]
    router = engine.cloud.network.find_router(engine.network, ignore_missing=False)
    ports = engine.cloud.network.ports(device_id=router.id, network_id=stack["network"]["id"])
    on_router = {address["subnet_id"] for port in ports for address in port.fixed_ips}
    assert on_router == {subnet["id"] for subnet in stack["subnets"]}
    (again,) = engine.run(declared(engine)).results
    assert (again["changed"], again["actions"], again["drift"]) == (False, [], [])
    assert again["requests"] <= 6


def test_a_server_has_an_address_of_each_and_a_floating_ip(engine, stack):
    task = engine.instances("ada")
    (result,) = engine.run(task).results
    assert not result.get("failed"), result.get("msg")
    (ada,) = result["instances"]
    assert sorted(ipaddress.ip_address(address).version for address in ada["addresses"]) == [4, 6]
    assert ipaddress.ip_address(ada["floating_ip"]).version == 4
    (again,) = engine.run(task).results
    assert not again["changed"]
    assert again["instances"][0]["drift"] == []


def test_the_modes_of_a_subnet_are_reported_and_left(engine, stack):
    modes = dict.fromkeys(SLAAC, "dhcpv6-stateless")
    (result,) = engine.run(declared(engine, subnets=[SUBNETS[0], {**SUBNETS[1], **modes}])).results
    assert not result["changed"]
    assert [text.split(":")[1].split(" is ")[0].strip() for text in result["drift"]] == list(SLAAC)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"rules": [*RULES, WEB], "default_egress": True}, ["IPv4 None None", "IPv4 tcp 443", "IPv6 None None"]),
        ({"rules": [*RULES, WEB]}, ["IPv4 tcp 443"]),
        ({"default_egress": False}, []),
        ({}, ["IPv4 None None", "IPv6 None None"]),
        ({"default_egress": True}, ["IPv4 None None", "IPv6 None None"]),
    ],
    ids=["declared and default", "declared alone", "nothing", "nothing said", "default"],
)
def test_what_goes_out_is_as_declared(engine, stack, changes, left):
    task = declared(engine, **changes)
    planned, result = engine.call(task, check=True), engine.call(task)
    assert planned["actions"] == result["actions"]
    assert outgoing(engine) == left
    assert not engine.call(task)["changed"]


def test_a_way_out_that_nobody_declared_is_closed(engine, stack):
    network = engine.cloud.network
    group = network.find_security_group(engine.network, ignore_missing=False)
    facts = {"security_group_id": group.id, "direction": "egress", "ethertype": "IPv4"}
    network.create_security_group_rule(protocol="udp", port_range_min=53, port_range_max=53, **facts)
    result = engine.call(declared(engine))
    assert result["actions"] == ["delete rule egress udp 53 to anywhere (IPv4)"]
    assert outgoing(engine) == ["IPv4 None None", "IPv6 None None"]


def test_a_gateway_that_a_router_has_is_reported_for_neutron_refuses_to_change_it(engine, stack):
    task = declared(engine, subnets=[{**SUBNETS[0], "gateway_ip": "10.78.0.254"}, SUBNETS[1]])
    for check in (True, False):
        result = engine.call(task, check=check)
        assert (result.get("failed"), result["changed"]) == (None, False)
        assert "gateway_ip is 10.78.0.1, declared 10.78.0.254; Neutron doesn't change it" in result["drift"][0]
    with pytest.raises(ConflictException, match=r"10\.78\.0\.1 already in use"):
        engine.cloud.network.update_subnet(stack["subnets"][0]["id"], gateway_ip="10.78.0.254")


def test_taken_down_to_nothing(engine, stack):
    run = engine.run(engine.instances("ada", state="absent"), engine.stack(state="absent"))
    assert [result.get("msg") for result in run.results if result.get("failed")] == []
    assert not any(engine.remains().values())
