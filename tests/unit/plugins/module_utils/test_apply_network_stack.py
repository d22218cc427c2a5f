"""What becomes of students' networks when the cloud refuses one or an answer is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from misbehaving import DROP, login

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired, observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply_network_stack import Stack, apply
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import marker
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_network_stack import plan

COHORT, STUDENTS = "demo", ("ada", "grace")
# Young for as long as the tests take
CREATED_AT = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
QUOTA = (409, {"NeutronError": {"message": "Quota exceeded for resources: ['network']."}})


def network(student):
    name = f"coursevm-demo-{student}"
    facts = {"id": f"net-{student}", "name": name, "description": marker(COHORT, student)}
    return {**facts, "created_at": CREATED_AT}


def subnet(student):
    return {
        **network(student),
        "id": f"sub-{student}",
        "network_id": f"net-{student}",
        "cidr": "10.0.0.0/24",
        "ip_version": 4,
        "gateway_ip": "10.0.0.1",
        "dns_nameservers": [],
        "allocation_pools": [],
        "enable_dhcp": True,
        "ipv6_ra_mode": None,
        "ipv6_address_mode": None,
    }


def router(student):
    return {**network(student), "id": f"router-{student}", "external_gateway_info": {"network_id": "ext-1"}}


def declared(student):
    """The stack of one student."""
    return desired.NetworkStack(
        COHORT,
        f"coursevm-demo-{student}",
        "public",
        (desired.Subnet(f"coursevm-demo-{student}", "10.0.0.0/24", 4),),
        student=student,
        has_group=False,
    )


def run(server, *answers, students=STUDENTS, **there):
    """Make students' networks with these answers, from nothing or from what is ``there``."""
    server.answers = list(answers)
    wanted = [declared(student) for student in students]
    state = observed.NetworkStackState(external_network_id="ext-1", **there)
    cloud = login(server)
    stacks = [Stack(cloud, one, state, plan(one, state)) for one in wanted]
    apply(cloud, stacks, concurrency=1)
    assert server.answers == []
    return stacks


NETWORKS = (201, {"networks": [network(student) for student in STUDENTS]})
SUBNETS = (201, {"subnets": [subnet(student) for student in STUDENTS]})
# The look whether another run has made the same.
SEEN = (200, NETWORKS[1])
ROUTERS = [answer for student in STUDENTS for answer in ((201, {"router": router(student)}), (200, ""))]


def test_networks_and_subnets_are_made_in_lists_and_routers_each(server, pauses):
    stacks = run(server, NETWORKS, SUBNETS, SEEN, *ROUTERS)
    assert [stack.error for stack in stacks] == [None, None]
    assert [(method, path.removeprefix("/net/v2.0")) for method, path, _body in server.seen] == [
        ("POST", "/networks"),
        ("POST", "/subnets"),
        ("GET", "/networks?project_id=p-1&name=coursevm-demo-ada&name=coursevm-demo-grace"),
        ("POST", "/routers"),
        ("PUT", "/routers/router-ada/add_router_interface"),
        ("POST", "/routers"),
        ("PUT", "/routers/router-grace/add_router_interface"),
    ]
    assert [body["network_id"] for body in server.seen[1][2]["subnets"]] == ["net-ada", "net-grace"]
    assert [stack.done[0] for stack in stacks] == [f"create network coursevm-demo-{student}" for student in STUDENTS]


def test_a_new_group_gets_the_declared_rules_whatever_neutron_has_put_into_it(server, pauses):
    """Whoever runs the cloud may have given every new group other rules."""
    facts = {"ethertype": "IPv4", "protocol": None, "port_range_min": None, "port_range_max": None}
    facts |= {"remote_group_id": None, "remote_ip_prefix": None}
    open_to_all = {**facts, "id": "rule-1", "direction": "ingress"}
    out = {**facts, "id": "rule-2", "direction": "egress"}
    group = {"id": "group-1", "name": "coursevm-demo", "description": marker(COHORT)}
    server.answers = [
        (201, {"security_group": {**group, "security_group_rules": [open_to_all, out]}}),
        (200, {"security_groups": [group]}),
        (204, ""),
        (201, {"security_group_rules": []}),
    ]
    whole = desired.NetworkStack(COHORT, "coursevm-demo", has_network=False)
    state = observed.NetworkStackState()
    stack = Stack(login(server), whole, state, plan(whole, state))
    apply(stack.cloud, [stack], concurrency=1)
    assert (stack.error, server.answers) == (None, [])
    assert server.seen[-2][:2] == ("DELETE", "/net/v2.0/security-group-rules/rule-1")
    (rule,) = server.seen[-1][2]["security_group_rules"]
    assert (rule["direction"], rule["ethertype"]) == ("egress", "IPv6")


def test_who_finds_an_older_network_of_another_run_leaves_it_to_that_one(server, pauses):
    older = {**network("ada"), "id": "an-older-one", "created_at": "2026-01-01T00:00:00Z"}
    seen = (200, {"networks": [*NETWORKS[1]["networks"], older]})
    ada, grace = run(server, NETWORKS, SUBNETS, seen, (204, ""), *ROUTERS[2:])
    assert grace.error is None
    assert "another run for this cohort is making the same network at this moment (an-older-one)" in ada.error
    assert (ada.done, ada.state.networks, ada.state.subnets) == ([], (), ())
    assert [path for method, path, _body in server.seen if method == "DELETE"] == ["/net/v2.0/networks/net-ada"]


def test_a_router_beside_a_network_that_was_there_is_looked_for_again(server, pauses):
    older = {**router("ada"), "id": "an-older-one"}
    seen = (200, {"routers": [router("ada"), older]})
    there = {"networks": (observed.network(network("ada")),), "subnets": (observed.subnet(subnet("ada")),)}
    (ada,) = run(server, (201, {"router": router("ada")}), seen, (204, ""), students=["ada"], **there)
    assert "the same router at this moment (an-older-one)" in ada.error
    assert [path for method, path, _body in server.seen if method == "DELETE"] == ["/net/v2.0/routers/router-ada"]


OLDER = {**router("ada"), "id": "an-older-one", "created_at": "2026-01-01T00:00:00Z"}


def two_routers(server, network_body, *answers):
    """Make one student's network and a router that is there twice then, ours being the younger one."""
    made = (201, {"networks": [network_body]}), (201, {"subnets": [subnet("ada")]}), (200, {"networks": []})
    seen = (200, {"routers": [{**router("ada"), "created_at": "2026-01-02T00:00:00Z"}, OLDER]})
    return run(server, *made, *answers[:2], ROUTERS[0], seen, (204, ""), *answers[2:], students=["ada"])[0]


def test_a_run_so_slow_that_another_finishes_its_network_looks_whether_the_router_is_there_twice(server, pauses):
    begun = (datetime.now(UTC) - timedelta(seconds=61)).isoformat()
    ada = two_routers(server, network("ada") | {"created_at": begun})
    assert "the same router at this moment (an-older-one)" in ada.error
    assert server.seen[-1][:2] == ("DELETE", "/net/v2.0/routers/router-ada")


def test_a_lost_request_for_a_router_that_is_still_at_work_leaves_no_second_one(server, pauses):
    ada = two_routers(server, network("ada"), (DROP,), (200, {"routers": []}), (200, {"router": OLDER}), (200, ""))
    assert ada.error is None
    assert [path for method, path, _body in server.seen if method == "DELETE"] == ["/net/v2.0/routers/router-ada"]
    assert server.seen[-1][:2] == ("PUT", "/net/v2.0/routers/an-older-one/add_router_interface")


def test_a_quota_that_is_used_up_stops_one_student_and_not_the_other(server, pauses):
    one = [(201, {"networks": [network("ada")]}), QUOTA, (201, {"subnets": [subnet("ada")]}), SEEN]
    ada, grace = run(server, QUOTA, *one, *ROUTERS[:2])
    assert ada.error is None
    assert len(ada.done) == 4
    assert grace.error.startswith("create network coursevm-demo-grace: A quota of the project is used up")
    assert grace.done == []


def test_a_list_whose_answer_is_lost_is_not_made_twice(server, pauses):
    there = (200, NETWORKS[1])
    stacks = run(server, (DROP,), there, SUBNETS, SEEN, *ROUTERS)
    assert [stack.error for stack in stacks] == [None, None]
    assert [method for method, path, _body in server.seen if path.split("?")[0].endswith("/networks")] == [
        "POST",
        "GET",
        "GET",
    ]


ALREADY = (409, {"NeutronError": {"message": "IP address 10.0.0.1 already allocated in subnet sub-ada."}})


def attach_again(server, *answers):
    """Make one student's network; the first answer to attaching it is lost, the next is that it is being done."""
    made = (201, {"networks": [network("ada")]}), (201, {"subnets": [subnet("ada")]}), (200, {"networks": []})
    return run(server, *made, ROUTERS[0], (DROP,), ALREADY, *answers, students=["ada"])[0]


def test_an_interface_that_is_being_attached_is_waited_for(server, pauses):
    ada = attach_again(server, (200, {"ports": []}), (200, {"ports": [{"id": "a-port"}]}))
    assert ada.error is None
    assert server.seen[-1][1] == "/net/v2.0/ports?device_id=router-ada&fixed_ips=subnet_id%3Dsub-ada"


def test_a_gateway_address_that_another_has_is_an_error(server, pauses):
    ada = attach_again(server, *[(200, {"ports": []})] * 3)
    assert "already allocated" in ada.error


BEGAN = "2026-01-01T00:00:00Z"
INTERFACE = observed.Port(
    "port-1", "", None, device_id="router-ada", device_owner="network:router_interface", subnet_ids=("sub-ada",)
)


@pytest.mark.parametrize(
    ("there", "begun_at"),
    [
        ({}, BEGAN),
        ({"subnets": [subnet("ada")]}, BEGAN),
        # Neutron lists a router that it is still making: it may yet remove it and make another one.
        ({"subnets": [subnet("ada")], "routers": [router("ada") | {"external_gateway_info": None}]}, BEGAN),
        ({"subnets": [subnet("ada")], "routers": [router("ada")]}, BEGAN),
        ({"subnets": [subnet("ada")], "routers": [router("ada")], "ports": [INTERFACE]}, None),
        ({"subnets": [subnet("ada") | {"enable_dhcp": False}], "routers": [router("ada")], "ports": [INTERFACE]}, None),
        ({"subnets": [subnet("ada") | {"name": "other"}], "routers": [router("ada")]}, None),
    ],
)
def test_a_network_counts_as_begun_until_it_has_all_that_its_maker_gives_it(there, begun_at):
    seen = {
        "subnets": tuple(map(observed.subnet, there.get("subnets", []))),
        "routers": tuple(map(observed.router, there.get("routers", []))),
        "ports": tuple(there.get("ports", [])),
    }
    networks = (observed.network(network("ada") | {"created_at": BEGAN}),)
    state = observed.NetworkStackState(external_network_id="ext-1", networks=networks, **seen)
    wanted = declared("ada")
    assert Stack(None, wanted, state, plan(wanted, state)).begun_at == begun_at


def test_an_administrator_leaves_the_same_cohort_of_another_project_alone(server):
    """Neutron lists every project's networks to one; routers and groups are asked for by project."""
    external = {"id": "ext-1", "name": "public", "router:external": True, "project_id": "service"}
    theirs = network("ada") | {"project_id": "p-2"}
    server.answers = [(200, {"networks": [theirs, external], "routers": [], "security_groups": []})] * 3
    (state,) = observed.network_stacks(login(server), [declared("ada")])
    assert (state.networks, state.external_network_id) == ((), "ext-1")
    asked = {path.split("?")[0].rpartition("/")[2]: path for _method, path, _body in server.seen}
    assert "project_id=p-1" in asked["routers"]
    assert "project_id=p-1" in asked["security-groups"]
