"""What is declared for those for whom nothing can be done, beside those for whom something can."""

from __future__ import annotations

import pytest
from misbehaving import login

from ansible_collections.ouseful.coursevm.plugins.module_utils import declare_instances, declare_network_stack, desired
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import Known
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import marker, tags

FLAVOR = {"id": "f-1", "name": "m2.small"}
EXTERNAL = {"id": "ext-1", "name": "public", "router:external": True, "project_id": "service"}


def server_of(student):
    facts = {
        "id": f"server-{student}",
        "name": f"demo-{student}",
        "status": "ACTIVE",
        "image": {"id": "image-1"},
        "tags": list(tags("demo", student)),
    }
    return facts | {"OS-SRV-USG:launched_at": "2026-01-01T00:00:00", "flavor": {"original_name": "m2.small"}}


@pytest.mark.parametrize("check_mode", [True, False])
def test_nothing_is_done_to_the_server_of_a_student_who_has_no_network(server, pauses, check_mode):
    """A rebuild above all, which would empty its disk."""
    wanted = desired.Cohort(
        "demo",
        (desired.Instance("ada", "demo-ada", network="of-ada"),),
        image="debian",
        flavor="m2.small",
        floating_network="public",
        state="rebuilt",
    )
    everything = {
        "servers": [server_of("ada")],
        "images": [{"id": "image-1", "name": "debian", "status": "active"}],
        "flavors": [FLAVOR],
        "networks": [EXTERNAL],
        "floatingips": [],
        "ports": [],
    }
    server.answers = [(200, everything)] * 9
    options = declare_instances.Options(check_mode, timeout=60, concurrency=1, retries=1, tell=lambda line: None)
    result = declare_instances.declare(login(server), wanted, options, Known(blocked={"ada": "no network for her"}))
    (ada,) = result["instances"]
    assert (ada["error"], ada["actions"], result["changed"]) == ("no network for her", [], False)
    assert [method for method, _path, _body in server.seen if method != "GET"] == []
    assert "~ rebuild" not in result["diff"]["prepared"]


def own_networks(*students, state="present"):
    """The declaration of a network for each of them."""
    return desired.network_stacks(
        {
            "cohort": "demo",
            "name": None,
            "external_network": "public",
            "subnets": None,
            "security_group_rules": None,
            "default_egress": None,
            "state": state,
            "students": list(students),
        }
    )


def test_check_mode_tells_what_is_done_for_the_others(server):
    """The name of Ada's network is a stranger's."""
    wanted = own_networks("ada", "grace")
    taken = {"id": "net-9", "name": "coursevm-demo-ada", "project_id": "p-1"}
    server.answers = [(200, {"networks": [taken, EXTERNAL], "routers": [], "security_groups": []})] * 3
    result, known = declare_network_stack.declare(login(server), wanted, check_mode=True, concurrency=1)
    assert result["changed"]
    assert result["actions"] == [
        "create security group coursevm-demo",
        "create network coursevm-demo-grace",
        "create router coursevm-demo-grace (gateway public)",
    ]
    assert "net-9" in result["msg"]
    assert (list(known.blocked), known.external_networks) == (["ada"], {"public": "ext-1"})


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_network_of_an_earlier_name_is_reported(server, state):
    """It is Ada's, who is declared; Zoe, who isn't, has one, too."""
    networks = [
        {"id": f"net-{one}", "name": f"earlier-{one}", "project_id": "p-1", "description": marker("demo", one)}
        for one in ("ada", "zoe")
    ]
    server.answers = [(200, {"networks": [*networks, EXTERNAL], "routers": [], "security_groups": []})] * 3
    wanted = own_networks("ada", state=state)
    result, known = declare_network_stack.declare(login(server), wanted, check_mode=True, concurrency=1)
    (warning,) = result["warnings"]
    assert warning.startswith("network earlier-ada: presence is net-ada, declared ")
    assert "name: earlier and students: [ada]" in warning
    assert result["undeclared_students"] == ["zoe"]
    assert [one.name for one in known.undeclared] == ["earlier-ada", "earlier-zoe"]


def test_what_the_other_variant_has_left_is_reported(server):
    """A network for each student, and then one for all, or the other way round."""
    facts = {"project_id": "p-1", "name": "coursevm-demo"}
    shared = {**facts, "id": "net-1", "description": marker("demo")}
    own = {**facts, "id": "net-2", "name": "coursevm-demo-ada", "description": marker("demo", "ada")}
    for wanted, left, word in (
        ((desired.NetworkStack("demo", "coursevm-demo", "public"),), own, "students: [ada]"),
        (own_networks("ada"), shared, "remove it by hand"),
    ):
        server.answers = [(200, {"networks": [left, EXTERNAL], "routers": [], "security_groups": []})] * 3
        result, _known = declare_network_stack.declare(login(server), wanted, check_mode=True, concurrency=1)
        (warning,) = result["warnings"]
        assert warning.startswith(f"network {left['name']}: presence is {left['id']}, declared ")
        assert word in warning
        assert result["undeclared_students"] == []


def test_another_gateway_that_is_still_to_come_stands_for_nothing_else(server):
    """What goes on with the network asks for the network that is declared, whatever a router has now."""
    router = {"id": "r-1", "name": "coursevm-demo", "description": marker("demo")}
    router |= {"external_gateway_info": {"network_id": "ext-0"}}
    server.answers = [(200, {"networks": [EXTERNAL], "routers": [router], "security_groups": []})] * 3
    wanted = (desired.NetworkStack("demo", "coursevm-demo", "public"),)
    _result, known = declare_network_stack.declare(login(server), wanted, check_mode=True, concurrency=1)
    assert known.external_networks == {"public": "ext-1"}
