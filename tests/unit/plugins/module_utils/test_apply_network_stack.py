"""What becomes of students' networks when the cloud refuses one or an answer is lost."""

from __future__ import annotations

from misbehaving import DROP, login

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired, observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply_network_stack import Stack, apply
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import marker
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_network_stack import plan

COHORT, STUDENTS = "demo", ("ada", "grace")
QUOTA = (409, {"NeutronError": {"message": "Quota exceeded for resources: ['network']."}})


def network(student):
    name = f"coursevm-demo-{student}"
    return {"id": f"net-{student}", "name": name, "description": marker(COHORT, student)}


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


def run(server, *answers):
    """Make two students' networks from nothing with these answers."""
    server.answers = list(answers)
    wanted = [
        desired.NetworkStack(
            COHORT,
            f"coursevm-demo-{student}",
            "public",
            (desired.Subnet(f"coursevm-demo-{student}", "10.0.0.0/24", 4),),
            student=student,
            has_group=False,
        )
        for student in STUDENTS
    ]
    state = observed.NetworkStackState(external_network_id="ext-1")
    cloud = login(server)
    stacks = [Stack(cloud, one, state, plan(one, state)) for one in wanted]
    apply(cloud, stacks, concurrency=1)
    assert server.answers == []
    return stacks


NETWORKS = (201, {"networks": [network(student) for student in STUDENTS]})
SUBNETS = (201, {"subnets": [subnet(student) for student in STUDENTS]})
ROUTERS = [answer for student in STUDENTS for answer in ((201, {"router": router(student)}), (200, ""))]


def test_networks_and_subnets_are_made_in_lists_and_routers_each(server, pauses):
    stacks = run(server, NETWORKS, SUBNETS, *ROUTERS)
    assert [stack.error for stack in stacks] == [None, None]
    assert [(method, path.removeprefix("/net/v2.0")) for method, path, _body in server.seen] == [
        ("POST", "/networks"),
        ("POST", "/subnets"),
        ("POST", "/routers"),
        ("PUT", "/routers/router-ada/add_router_interface"),
        ("POST", "/routers"),
        ("PUT", "/routers/router-grace/add_router_interface"),
    ]
    assert [body["network_id"] for body in server.seen[1][2]["subnets"]] == ["net-ada", "net-grace"]
    assert [stack.done[0] for stack in stacks] == [f"create network coursevm-demo-{student}" for student in STUDENTS]


def test_a_quota_that_is_used_up_stops_one_student_and_not_the_other(server, pauses):
    one = [(201, {"network": network("ada")}), QUOTA, (201, {"subnet": subnet("ada")})]
    ada, grace = run(server, QUOTA, *one, *ROUTERS[:2])
    assert ada.error is None
    assert len(ada.done) == 4
    assert grace.error.startswith("create network coursevm-demo-grace: A quota of the project is used up")
    assert grace.done == []


def test_a_list_whose_answer_is_lost_is_not_made_twice(server, pauses):
    there = (200, NETWORKS[1])
    stacks = run(server, (DROP,), there, SUBNETS, *ROUTERS)
    assert [stack.error for stack in stacks] == [None, None]
    assert [method for method, path, _body in server.seen if path.split("?")[0].endswith("/networks")] == [
        "POST",
        "GET",
    ]
