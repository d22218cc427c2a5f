"""What becomes of a plan when the cloud fails in the middle of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from misbehaving import DROP, login

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired, observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply_instances import Apply, outcomes
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import marker, tags
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_instances import plan

COHORT, STUDENTS = "demo", ("ada", "grace")
NETWORKS = {"coursevm-demo": ("net-1", "coursevm-demo")}
NAMES = observed.Names("f-1", "m2.small", NETWORKS, ("sg-1",), ("coursevm-demo",), "ext-1")
QUOTA = (409, {"NeutronError": {"message": "Quota exceeded for resources: ['floatingip']."}})


def port(student):
    return {
        "id": f"port-{student}",
        "name": f"demo-{student}",
        "description": marker(COHORT, student),
        "network_id": "net-1",
        "device_id": "",
        "device_owner": "",
        "security_groups": ["sg-1"],
        "fixed_ips": [{"subnet_id": "sub", "ip_address": "10.0.0.5"}],
    }


def address(student):
    return {
        "id": f"fip-{student}",
        "floating_ip_address": "172.24.4.5",
        "description": marker(COHORT, student, "public"),
        "floating_network_id": "ext-1",
        "port_id": f"port-{student}",
        "fixed_ip_address": "10.0.0.5",
    }


def server_body(student, status="ACTIVE", server_id=None, **facts):
    body = {"id": server_id or f"server-{student}", "name": f"demo-{student}", "status": status}
    return body | {"tags": list(tags(COHORT, student))} | facts


def made(student, server_id=None):
    return (202, {"server": {"id": server_id or f"server-{student}"}})


def poll(*bodies):
    return (200, {"servers": list(bodies)})


PORTS = (201, {"ports": [port(student) for student in STUDENTS]})
# The look whether another run has made the same.
SEEN = (200, PORTS[1])
ADDRESSES = [(201, {"floatingip": address(student)}) for student in STUDENTS]
UP_ADA = poll(server_body("ada"))
UP = poll(*(server_body(student) for student in STUDENTS))


def run(server, *answers, retries=1, timeout=60, names=NAMES, **facts):
    """Make two students' instances from nothing with these answers; what became of them and what was told."""
    server.answers = list(answers)
    wanted = desired.Cohort(
        COHORT,
        tuple(desired.Instance(student, f"demo-{student}") for student in STUDENTS),
        image="debian",
        flavor="m2.small",
        network="coursevm-demo",
        security_groups=("coursevm-demo",),
        floating_network="public",
        **facts,
    )
    state = observed.CohortState("image-1", names=names)
    results = outcomes(state, STUDENTS)
    told = []
    options = {"timeout": timeout, "concurrency": 1, "retries": retries, "tell": told.append}
    Apply(login(server), wanted, state, results, **options).run(plan(wanted, state))
    assert server.answers == []
    return results, told


def posted(server, path):
    return [body for method, seen, body in server.seen if method == "POST" and seen.endswith(path)]


def test_everything_goes_well(server, pauses):
    results, told = run(server, PORTS, SEEN, made("ada"), made("grace"), *ADDRESSES, UP)
    assert [result.error for result in results.values()] == [None, None]
    assert results["ada"].done == ["create port demo-ada", "create server demo-ada", "create floating IP for demo-ada"]
    assert told[0] == "ada: ACTIVE after 0 s (172.24.4.5)"
    assert len(server.seen) == 7


# The development cloud has no volumes and a single fake host, so what is asked of Nova stands for what it would do.
def test_the_request_of_a_server_on_a_volume_in_a_group(server, pauses):
    facts = {"volume_size": 20, "key_name": "operator", "config_drive": True, "server_group": "spread"}
    names = replace(NAMES, server_group_id="group-1")
    run(server, PORTS, SEEN, made("ada"), made("grace"), *ADDRESSES, UP, names=names, **facts)
    body = posted(server, "/servers")[0]
    assert body["os:scheduler_hints"] == {"group": "group-1"}
    assert body["server"]["block_device_mapping_v2"] == [
        {
            "boot_index": 0,
            "source_type": "image",
            "uuid": "image-1",
            "destination_type": "volume",
            "volume_size": 20,
            "delete_on_termination": True,
        }
    ]
    assert "imageRef" not in body["server"]
    assert (body["server"]["key_name"], body["server"]["config_drive"]) == ("operator", True)
    assert body["server"]["metadata"]["coursevm:volume"] == "20 GiB of image image-1"
    assert body["server"]["metadata"]["coursevm:server_group"] == "spread"


def test_the_request_of_a_plain_server_has_nothing_of_that(server, pauses):
    run(server, PORTS, SEEN, made("ada"), made("grace"), *ADDRESSES, UP)
    body = posted(server, "/servers")[0]
    assert list(body) == ["server"]
    assert sorted(body["server"]) == ["flavorRef", "imageRef", "metadata", "name", "networks", "tags"]


def test_a_student_whom_another_run_is_making_is_left_to_that_one(server, pauses):
    older = {**port("ada"), "id": "an-older-one"}
    seen, up = (200, {"ports": [*PORTS[1]["ports"], older]}), poll(server_body("grace"))
    results, _told = run(server, PORTS, seen, (204, ""), made("grace"), ADDRESSES[1], up)
    assert results["grace"].error is None
    assert "another run for this cohort is making the same instance at this moment (an-older" in results["ada"].error
    assert results["ada"].done == []
    assert [path for method, path, _body in server.seen if method == "DELETE"] == ["/net/v2.0/ports/port-ada"]


def test_an_address_that_another_run_has_just_made_is_taken_over(server, pauses):
    taken = (409, {"NeutronError": {"message": "Cannot associate floating IP: the fixed IP already has one."}})
    there = (200, {"floatingips": [address("ada")]})
    results, _told = run(server, PORTS, SEEN, made("ada"), made("grace"), taken, there, ADDRESSES[1], UP)
    assert [result.error for result in results.values()] == [None, None]
    assert results["ada"].floating_ip.id == "fip-ada"


@pytest.mark.parametrize("trouble", [(DROP,), (504, "gateway timeout")])
def test_a_list_whose_answer_is_lost_is_not_made_twice(server, pauses, trouble):
    there = (200, {"ports": [port("ada"), port("grace")]})
    results, _told = run(server, trouble, there, SEEN, made("ada"), made("grace"), *ADDRESSES, UP)
    assert [result.port.id for result in results.values()] == ["port-ada", "port-grace"]
    assert len(posted(server, "/ports")) == 1


def test_of_a_refused_list_each_is_tried_and_the_quota_asked_once(server, pauses):
    used_up = (409, {"NeutronError": {"message": "Quota exceeded for resources: ['port']."}})
    one = (201, {"port": port("ada")})
    up = poll(server_body("ada"))
    results, _told = run(server, used_up, one, used_up, (200, {"ports": [port("ada")]}), made("ada"), ADDRESSES[0], up)
    assert [list(body) for body in posted(server, "/ports")] == [["ports"], ["port"], ["port"]]
    assert results["ada"].error is None
    assert results["grace"].error.startswith("create port: A quota of the project is used up")
    assert results["grace"].done == []


def test_a_lost_server_is_looked_for(server, pauses):
    found = poll(server_body("ada", "BUILD"))
    results, _told = run(server, PORTS, SEEN, (DROP,), found, made("grace"), *ADDRESSES, UP)
    assert results["ada"].server.id == "server-ada"
    assert len(posted(server, "/servers")) == 2


def test_a_used_up_quota_stops_the_asking_and_not_the_servers(server, pauses):
    one = (201, {"floatingip": address("ada")})
    results, _told = run(server, PORTS, SEEN, made("ada"), made("grace"), one, QUOTA, UP)
    assert results["ada"].error is None
    assert results["grace"].error.startswith("create floating IP: A quota of the project is used up")
    assert results["grace"].server.status == "ACTIVE"


def test_a_fault_is_tried_again_on_the_same_port_and_then_explained(server, pauses):
    fault = {"fault": {"message": "No valid host was found. "}}
    answers = [
        PORTS,
        SEEN,
        made("ada"),
        made("grace"),
        *ADDRESSES,
        poll(server_body("ada", "ERROR"), server_body("grace")),
        (200, {"server": server_body("ada", "ERROR", **fault)}),  # the list does not tell the reason
        (204, ""),
        poll(server_body("ada", "ERROR", **fault)),  # not gone yet
        poll(),
        made("ada", "second"),
        poll(server_body("ada", "ERROR", "second", **fault)),
    ]
    results, told = run(server, *answers)
    assert results["grace"].error is None
    assert results["ada"].error.startswith("the server came up in ERROR: No valid host was found - no host could")
    assert "ada: ERROR (No valid host was found - no host" in "\n".join(told)
    ports = [body["server"]["networks"][0]["port"] for body in posted(server, "/servers")]
    assert ports == ["port-ada", "port-grace", "port-ada"]


def test_a_cloud_that_is_away_during_the_wait_is_waited_for(server, pauses):
    away = [(503, "down")] * 5
    results, told = run(server, PORTS, SEEN, made("ada"), made("grace"), *ADDRESSES, *away, UP)
    assert [result.error for result in results.values()] == [None, None]
    assert "the cloud doesn't answer just now" in told[0]


def test_who_is_not_up_in_time_is_said_with_the_state(server, pauses):
    slow = poll(server_body("ada"), server_body("grace", "BUILD", **{"OS-EXT-STS:task_state": "spawning"}))
    results, _told = run(server, PORTS, SEEN, made("ada"), made("grace"), *ADDRESSES, slow, timeout=0)
    assert results["ada"].error is None
    assert results["grace"].error == "not up after 0 s (BUILD, spawning); run again to wait on"


def move(server, wanted, *answers, status="ACTIVE", task=None, retries=1, timeout=60, **instance):
    """Bring ada's server, which is there with ``status``, into the wanted state with these answers."""
    server.answers = list(answers)
    desired_cohort = desired.Cohort(
        COHORT,
        (desired.Instance("ada", "demo-ada", **instance),),
        image="debian",
        flavor="m2.small",
        network="coursevm-demo",
        state=wanted,
    )
    launched = {"OS-SRV-USG:launched_at": "2026-01-01T00:00:00"}
    facts = {"image": {"id": "image-1"}, "metadata": {"mine": "kept"}, "OS-EXT-STS:task_state": task}
    there = observed.server(server_body("ada", status, **facts, **launched))
    state = observed.CohortState("image-1", (there,), names=NAMES)
    results = outcomes(state, ["ada"])
    options = {"timeout": timeout, "concurrency": 1, "retries": retries, "tell": lambda line: None}
    Apply(login(server), desired_cohort, state, results, **options).run(plan(desired_cohort, state))
    assert server.answers == []
    return results["ada"]


ACCEPTED = (202, "")
STOPPING = poll(server_body("ada", **{"OS-EXT-STS:task_state": "powering-off"}))
STOPPED = poll(server_body("ada", "SHUTOFF"))
STOP = ["stop server demo-ada: status ACTIVE -> SHUTOFF"]
BUSY = (409, {"conflictingRequest": {"message": "Cannot 'stop' instance while it is in task_state powering-off"}})


def asked(server):
    return [body for method, path, body in server.seen if method == "POST" and path.endswith("/action")]


def test_a_server_is_stopped_and_waited_for(server, pauses):
    outcome = move(server, "stopped", ACCEPTED, STOPPING, STOPPED)
    assert (outcome.error, outcome.done, outcome.server.status) == (None, STOP, "SHUTOFF")
    assert asked(server) == [{"os-stop": None}]


@pytest.mark.parametrize("trouble", [(DROP,), (504, "gateway timeout"), BUSY], ids=["lost", "timeout", "conflict"])
def test_a_request_that_was_lost_or_made_by_somebody_else_is_not_repeated(server, pauses, trouble):
    outcome = move(server, "stopped", trouble, STOPPING, STOPPED)
    assert (outcome.error, outcome.done) == (None, STOP)
    assert len(asked(server)) == 1


def test_what_is_on_its_way_already_is_waited_for_and_no_change(server, pauses):
    outcome = move(server, "stopped", STOPPING, STOPPED, task="powering-off")
    assert (outcome.error, outcome.done, outcome.server.status) == (None, [], "SHUTOFF")
    assert asked(server) == []


def test_a_server_that_is_busy_is_asked_when_it_is_idle(server, pauses):
    outcome = move(server, "started", STOPPING, STOPPED, ACCEPTED, UP_ADA, task="powering-off")
    assert (outcome.error, outcome.server.status) == (None, "ACTIVE")
    assert asked(server) == [{"os-start": None}]


def test_a_server_that_is_being_deleted_is_not_waited_for(server, pauses):
    outcome = move(server, "stopped", task="deleting")
    assert (outcome.error, outcome.done) == (None, [])


def test_a_request_that_never_came_through_is_repeated(server, pauses):
    outcome = move(server, "stopped", (DROP,), UP_ADA, ACCEPTED, STOPPED)
    assert (outcome.error, outcome.done) == (None, STOP)
    assert len(asked(server)) == 2


def test_a_server_that_does_not_move_is_told_with_the_reason(server, pauses):
    locked = (409, {"conflictingRequest": {"message": "Instance server-ada is locked"}})
    outcome = move(server, "stopped", locked, UP_ADA, locked, UP_ADA)
    assert outcome.done == []
    assert outcome.error.startswith("the server is ACTIVE, not SHUTOFF: HTTP 409")
    assert "Instance server-ada is locked" in outcome.error


def test_a_refused_request_is_told_at_once(server, pauses):
    outcome = move(server, "stopped", (403, {"forbidden": {"message": "Policy doesn't allow stop"}}))
    assert outcome.done == []
    assert "Policy doesn't allow stop" in outcome.error


def test_a_server_that_breaks_on_its_way_is_told_and_left(server, pauses):
    broken = poll(server_body("ada", "ERROR", fault={"message": "Image file is gone."}))
    outcome = move(server, "started", ACCEPTED, broken, status="SHELVED_OFFLOADED")
    assert asked(server) == [{"unshelve": None}]
    assert outcome.error == "the server went into ERROR: Image file is gone"


def test_who_is_not_there_in_time_is_said_with_the_state(server, pauses):
    outcome = move(server, "stopped", ACCEPTED, STOPPING, timeout=0)
    assert outcome.error == "not SHUTOFF after 0 s (ACTIVE, powering-off); run again to wait on"
    assert outcome.done == STOP


def test_a_rebuild_sets_what_is_declared_and_keeps_other_metadata(server, pauses):
    rebuilding = poll(server_body("ada", "REBUILD", **{"OS-EXT-STS:task_state": "rebuild_spawning"}))
    outcome = move(server, "rebuilt", ACCEPTED, rebuilding, UP_ADA, user_data="#cloud-config")
    assert outcome.error is None
    (body,) = asked(server)
    wanted = desired.Instance("ada", "demo-ada", user_data="#cloud-config")
    assert body["rebuild"] == {
        "imageRef": "image-1",
        "metadata": {"mine": "kept", **wanted.full_metadata},
        "user_data": wanted.encoded_user_data,
    }


def test_a_rebuild_that_fails_is_not_repeated(server, pauses):
    broken = poll(server_body("ada", "ERROR", fault={"message": "No valid host was found."}))
    outcome = move(server, "rebuilt", ACCEPTED, broken, status="ERROR")
    assert outcome.error.startswith("the server went into ERROR: No valid host was found")
    assert len(asked(server)) == 1
