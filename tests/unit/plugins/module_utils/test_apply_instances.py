"""What becomes of a plan when the cloud fails in the middle of it."""

from __future__ import annotations

import re
import threading
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


def port(student, server_id=None):
    return {
        "id": f"port-{server_id or student}",
        "name": "",
        "network_id": "net-1",
        "device_id": server_id or f"server-{student}",
        "device_owner": "compute:nova",
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
    addresses = {"coursevm-demo": [{"addr": "10.0.0.5", "OS-EXT-IPS:type": "fixed"}]}
    return body | {"tags": list(tags(COHORT, student)), "addresses": addresses} | facts


def made(student, server_id=None):
    return (202, {"server": {"id": server_id or f"server-{student}"}})


def poll(*bodies):
    return (200, {"servers": list(bodies)})


PORTS = (200, {"ports": [port(student) for student in STUDENTS]})
MADE = [made(student) for student in STUDENTS]
ADDRESSES = [(201, {"floatingip": address(student)}) for student in STUDENTS]
UP_ADA = poll(server_body("ada"))
UP = poll(*(server_body(student) for student in STUDENTS))


def run(server, *answers, retries=1, timeout=60, names=NAMES, concurrency=1, **facts):
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
    options = {"timeout": timeout, "concurrency": concurrency, "retries": retries, "tell": told.append}
    Apply(login(server), wanted, state, results, **options).run(plan(wanted, state))
    assert server.answers == []
    # How long it took is the machine's
    return results, [re.sub(r"\d+ s\b", "… s", line) for line in told]


def posted(server, path):
    return [body for method, seen, body in server.seen if method == "POST" and seen.endswith(path)]


def test_everything_goes_well(server, pauses):
    results, told = run(server, *MADE, UP, PORTS, *ADDRESSES)
    assert [result.error for result in results.values()] == [None, None]
    assert results["ada"].done == ["create server demo-ada", "create floating IP for demo-ada"]
    assert told[0] == "ada: ACTIVE after … s (172.24.4.5)"
    assert posted(server, "/floatingips")[1]["floatingip"]["port_id"] == "port-grace"
    assert len(server.seen) == 6


def test_a_server_without_an_address_gets_no_floating_ip_and_that_is_said(server, pauses):
    up = poll(server_body("ada", addresses={}), server_body("grace"))
    results, _told = run(server, *MADE, up, (200, {"ports": [port("grace")]}), ADDRESSES[1])
    assert results["ada"].error == "create floating IP: the server got no address on its network"
    assert results["grace"].error is None


def test_a_list_of_ports_that_fails_is_asked_for_again(server, pauses):
    results, _told = run(server, *MADE, UP, *[(503, "down")] * 5, UP, PORTS, *ADDRESSES)
    assert [result.floating_ip.id for result in results.values()] == ["fip-ada", "fip-grace"]


def test_a_floating_ip_is_made_as_soon_as_its_port_is_there(server, pauses):
    without = poll(server_body("ada", "BUILD", addresses={}), server_body("grace", "BUILD"))
    grace = (200, {"ports": [port("grace")]})
    answers = [without, grace, ADDRESSES[1], poll(server_body("ada", "BUILD"), server_body("grace"))]
    results, told = run(server, *MADE, *answers, (200, {"ports": [port("ada")]}), ADDRESSES[0], UP)
    assert [result.floating_ip.id for result in results.values()] == ["fip-ada", "fip-grace"]
    assert told == ["grace: ACTIVE after … s (172.24.4.5)", "1 of 2 settled, … s", "ada: ACTIVE after … s (172.24.4.5)"]


def test_the_polls_go_on_while_a_floating_ip_is_made(server, pauses):
    polled, asked_for = threading.Event(), threading.Event()

    def any_made(_method, body):
        return made(body["server"]["name"].removeprefix("demo-"))

    def both(method, _body):
        mine, other, answer = (polled, asked_for, UP) if method == "GET" else (asked_for, polled, ADDRESSES[0])
        mine.set()
        return answer if other.wait(3) else (500, "the other one was not asked meanwhile")

    building = poll(server_body("ada", "BUILD"), server_body("grace", "BUILD", addresses={}))
    answers = [building, (200, {"ports": [port("ada")]}), both, both, PORTS, ADDRESSES[1]]
    results, _told = run(server, any_made, any_made, *answers, concurrency=2)
    assert [result.error for result in results.values()] == [None, None]


# The development cloud has a single fake host, so what is asked of Nova stands for what it would do.
def test_the_request_of_a_server_on_a_volume_in_a_group(server, pauses):
    facts = {"volume_size": 20, "key_name": "operator", "config_drive": True, "server_group": "spread"}
    names = replace(NAMES, server_group_id="group-1")
    run(server, *MADE, UP, PORTS, *ADDRESSES, names=names, **facts)
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
    run(server, *MADE, UP, PORTS, *ADDRESSES)
    body = posted(server, "/servers")[0]
    assert list(body) == ["server"]
    assert sorted(body["server"]) == [
        "flavorRef",
        "imageRef",
        "metadata",
        "name",
        "networks",
        "security_groups",
        "tags",
    ]
    assert body["server"]["networks"] == [{"uuid": "net-1"}]
    assert body["server"]["security_groups"] == [{"name": "sg-1"}]


def two_of_ada(status="ACTIVE"):
    """The server of another run, this run's own, and grace's."""
    older = server_body("ada", status, "theirs", created="2026-01-01T00:00:00Z")
    own = server_body("ada", status, created="2026-01-01T00:00:01Z")
    return older, own, server_body("grace", created="2026-01-01T00:00:01Z")


THEIRS = (200, {"ports": [port("ada", "theirs"), port("grace")]})
ASKED = (200, {"instanceActions": [{"action": "create"}]})


def test_of_two_runs_the_older_server_is_taken_and_ones_own_removed(server, pauses):
    older, own, grace = two_of_ada("BUILD")
    up = poll({**older, "status": "ACTIVE"}, grace)
    results, told = run(server, *MADE, poll(own, older, grace), ASKED, (204, ""), THEIRS, *ADDRESSES, up)
    assert [path for method, path, _body in server.seen if method == "DELETE"] == ["/compute/v2.1/servers/server-ada"]
    assert results["ada"].server.id == "theirs"
    assert results["ada"].done == ["create floating IP for demo-ada"]
    assert posted(server, "/floatingips")[0]["floatingip"]["port_id"] == "port-theirs"
    assert told[0] == "ada: another run has made the server (theirs); its own is removed again"


def test_a_run_that_gives_way_ends_when_its_own_server_is_gone(server, pauses):
    """Nova may show a server whose deletion it has accepted as if it stayed."""
    older, own, grace = two_of_ada()
    answers = [
        poll(own, older, grace),
        ASKED,
        (204, ""),
        THEIRS,
        *ADDRESSES,
        poll(own, older, grace),
        poll(older, grace),
    ]
    results, told = run(server, *MADE, *answers)
    assert (results["ada"].error, results["ada"].server.id) == (None, "theirs")
    assert told[-1].startswith("ada: ACTIVE")


def test_when_ones_own_server_does_not_go_that_is_said(server, pauses):
    results, _told = run(server, *MADE, poll(*two_of_ada()), ASKED, (204, ""), THEIRS, *ADDRESSES, timeout=0)
    told = "not up after 0 s (ACTIVE, None; server-ada is not gone yet); run again to wait on"
    assert results["ada"].error == told


def test_after_a_lost_answer_the_server_of_another_run_is_not_taken_for_ones_own(server, pauses):
    """Its own would be nobody's, and stay."""
    older, own, grace = two_of_ada()
    answers = [(DROP,), poll(older, own), MADE[1], poll(older, own, grace), ASKED, (204, ""), THEIRS, *ADDRESSES]
    results, _told = run(server, *answers, poll(older, grace))
    assert (results["ada"].error, results["ada"].server.id) == (None, "theirs")
    assert [path for method, path, _body in server.seen if method == "DELETE"] == ["/compute/v2.1/servers/server-ada"]


LAUNCHED = {"OS-SRV-USG:launched_at": "2026-01-01T00:01:00.000000"}


def test_a_server_of_another_run_that_ran_is_not_removed_while_ones_own_goes(server, pauses):
    older, own, grace = two_of_ada()
    broken = poll(own, {**older, **LAUNCHED, "status": "ERROR", "fault": {"message": "Disk full."}}, grace)
    results, _told = run(server, *MADE, poll(own, older, grace), ASKED, (204, ""), THEIRS, *ADDRESSES, broken)
    assert results["ada"].error.startswith("the server went into ERROR: Disk full")
    assert [path for method, path, _body in server.seen if method == "DELETE"] == ["/compute/v2.1/servers/server-ada"]


def test_a_server_of_another_run_that_is_to_go_is_not_taken(server, pauses):
    """Whoever builds it may have written over the mark of its deletion; that it was asked for is recorded."""
    older, own, grace = two_of_ada()
    to_go = (200, {"instanceActions": [{"action": "delete"}, {"action": "create"}]})
    results, _told = run(server, *MADE, poll(own, older, grace), to_go, PORTS, *ADDRESSES)
    assert (results["ada"].error, results["ada"].server.id) == (None, "server-ada")
    assert [method for method, _path, _body in server.seen if method == "DELETE"] == []


def test_a_server_of_another_run_that_never_came_up_is_not_taken(server, pauses):
    older, own, grace = two_of_ada()
    broken = {**older, "status": "ERROR", "fault": {"message": "Disk full."}}
    results, _told = run(server, *MADE, poll(own, broken, grace), PORTS, *ADDRESSES)
    assert (results["ada"].error, results["ada"].server.id) == (None, "server-ada")


def test_a_floating_ip_that_this_run_has_made_goes_before_another_runs_server_is_taken(server, pauses):
    building, grace = server_body("ada", "BUILD", created="2026-01-01T00:00:00Z"), server_body("grace")
    younger = server_body("ada", "BUILD", "theirs", created="2026-01-01T00:00:01Z")
    broken = {**building, "status": "ERROR", "fault": {"message": "Disk full."}}
    answers = [poll(building, grace), PORTS, *ADDRESSES, poll(broken, younger), ASKED, (204, ""), (204, "")]
    taken = (409, {"NeutronError": {"message": "Cannot associate floating IP: the fixed IP already has one."}})
    theirs = (200, {"floatingips": [address("ada") | {"id": "fip-theirs", "port_id": "port-theirs"}]})
    answers += [(200, {"ports": [port("ada", "theirs")]}), taken, theirs, poll({**younger, "status": "ACTIVE"})]
    results, _told = run(server, *MADE, *answers)
    assert (results["ada"].error, results["ada"].floating_ip.id) == (None, "fip-theirs")
    deleted = [path.rpartition("/")[2] for method, path, _body in server.seen if method == "DELETE"]
    assert deleted == ["server-ada", "fip-ada"]


def test_a_server_that_somebody_removes_is_not_made_again(server, pauses):
    results, _told = run(server, *MADE, poll(server_body("grace")), (200, {"ports": [port("grace")]}), ADDRESSES[1])
    assert results["ada"].error == "the server vanished while it was waited for: somebody or the cloud removed it"


def test_of_two_runs_the_older_server_stays(server, pauses):
    own = server_body("ada", created="2026-01-01T00:00:00Z")
    younger = server_body("ada", "BUILD", "theirs", created="2026-01-01T00:00:01Z")
    grace = server_body("grace", created="2026-01-01T00:00:01Z")
    results, _told = run(server, *MADE, poll(younger, own, grace), PORTS, *ADDRESSES)
    assert [method for method, _path, _body in server.seen if method == "DELETE"] == []
    assert results["ada"].server.id == "server-ada"


def test_an_address_that_another_run_has_just_made_is_taken_over(server, pauses):
    taken = (409, {"NeutronError": {"message": "Cannot associate floating IP: the fixed IP already has one."}})
    there = (200, {"floatingips": [address("ada")]})
    results, _told = run(server, *MADE, UP, PORTS, taken, there, ADDRESSES[1])
    assert [result.error for result in results.values()] == [None, None]
    assert results["ada"].floating_ip.id == "fip-ada"


def test_a_lost_server_is_looked_for(server, pauses):
    found = poll(server_body("ada", "BUILD"))
    results, _told = run(server, (DROP,), found, MADE[1], UP, PORTS, *ADDRESSES)
    assert results["ada"].server.id == "server-ada"
    assert len(posted(server, "/servers")) == 2


def test_a_used_up_quota_stops_the_asking_and_not_the_servers(server, pauses):
    one = (201, {"floatingip": address("ada")})
    results, _told = run(server, *MADE, UP, PORTS, one, QUOTA)
    assert results["ada"].error is None
    assert results["grace"].error.startswith("create floating IP: A quota of the project is used up")
    assert results["grace"].server.status == "ACTIVE"


def test_a_fault_is_tried_again_and_then_explained(server, pauses):
    fault = {"fault": {"message": "No valid host was found. "}, "addresses": {}}
    answers = [
        *MADE,
        poll(server_body("ada", "ERROR", addresses={}), server_body("grace")),
        (200, {"server": server_body("ada", "ERROR", **fault)}),  # the list does not tell the reason
        (200, {"ports": [port("grace")]}),
        ADDRESSES[1],
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
    assert results["ada"].floating_ip is None


def test_a_quota_that_nova_meets_while_it_builds_is_told_at_once(server, pauses):
    words = "Build of instance aborted: VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota"
    hit = server_body("ada", "ERROR", fault={"message": f"{words} 'volumes'."}, addresses={})
    ports = (200, {"ports": [port("grace")]})
    results, _told = run(server, *MADE, poll(hit, server_body("grace")), ports, ADDRESSES[1])
    assert results["ada"].error.startswith("the server came up in ERROR: Build of instance aborted: VolumeLimit")
    assert results["ada"].error.endswith(
        "a quota of the project is used up: ask for more, or remove what is no longer used"
    )
    assert results["grace"].error is None


def test_a_volume_that_stays_does_so_from_when_its_server_is_up(server, pauses):
    volumes = {"os-extended-volumes:volumes_attached": [{"id": "v-1", "delete_on_termination": True}]}
    up = poll(*(server_body(student, **volumes) for student in STUDENTS))
    kept = {"volume_size": 20, "delete_on_termination": False}
    run(server, *MADE, up, PORTS, *ADDRESSES, *[(202, "")] * 2, **kept)
    made_with = [body["server"]["block_device_mapping_v2"][0] for body in posted(server, "/servers")]
    assert [one["delete_on_termination"] for one in made_with] == [True, True]
    assert server.seen[-1] == (
        "PUT",
        "/compute/v2.1/servers/server-grace/os-volume_attachments/v-1",
        {"volumeAttachment": {"volumeId": "v-1", "delete_on_termination": False}},
    )


def test_a_server_made_again_gets_the_floating_ip_of_the_one_before(server, pauses):
    failing = poll(server_body("ada", "BUILD"), server_body("grace"))
    broken = poll(server_body("ada", "ERROR", fault={"message": "Disk full."}))
    answers = [*MADE, failing, PORTS, *ADDRESSES, broken, (204, ""), poll(), made("ada", "second")]
    up, ports = poll(server_body("ada", "ACTIVE", "second")), (200, {"ports": [port("ada", "second")]})
    results, _told = run(server, *answers, up, ports, (200, {"floatingip": address("ada")}))
    assert results["ada"].error is None
    assert results["ada"].done[-2:] == ["create server demo-ada again", "bind floating IP 172.24.4.5"]
    (body,) = [body for method, path, body in server.seen if method == "PUT"]
    assert body == {"floatingip": {"port_id": "port-second"}}


NO_PORT = (404, {"NeutronError": {"message": "Port port-ada could not be found."}})


def test_a_floating_ip_whose_port_went_with_a_server_that_failed_is_for_the_next_one(server, pauses):
    building = poll(server_body("ada", "BUILD"), server_body("grace"))
    broken = poll(server_body("ada", "ERROR", fault={"message": "Disk full."}), server_body("grace"))
    answers = [*MADE, building, PORTS, NO_PORT, ADDRESSES[1], broken, (204, ""), poll(), made("ada", "second")]
    up, ports = poll(server_body("ada", "ACTIVE", "second")), (200, {"ports": [port("ada", "second")]})
    results, _told = run(server, *answers, up, ports, ADDRESSES[0])
    assert [result.error for result in results.values()] == [None, None]
    assert posted(server, "/floatingips")[-1]["floatingip"]["port_id"] == "port-second"


def test_a_floating_ip_whose_port_is_gone_for_good_is_told_with_the_reason(server, pauses):
    results, _told = run(server, *MADE, UP, PORTS, NO_PORT, ADDRESSES[1])
    assert results["ada"].error.startswith("create floating IP: HTTP 404")
    assert "Port port-ada could not be found" in results["ada"].error


def test_a_refusal_of_the_floating_ip_for_another_reason_is_told_and_not_asked_again(server, pauses):
    words = "External network ext-1 is not reachable from subnet sub. Therefore, cannot associate Port port-ada"
    unreachable = (404, {"NeutronError": {"message": f"{words} with a Floating IP."}})
    building = poll(server_body("ada", "BUILD"), server_body("grace"))
    results, _told = run(server, *MADE, building, PORTS, unreachable, ADDRESSES[1], UP)
    assert "is not reachable from subnet sub" in results["ada"].error
    assert len(posted(server, "/floatingips")) == 2


def test_a_cloud_that_is_away_during_the_wait_is_waited_for(server, pauses):
    away = [(503, "down")] * 5
    results, told = run(server, *MADE, *away, UP, PORTS, *ADDRESSES)
    assert [result.error for result in results.values()] == [None, None]
    assert "the cloud doesn't answer just now" in told[0]


def test_who_is_not_up_in_time_is_said_with_the_state(server, pauses):
    slow = poll(server_body("ada"), server_body("grace", "BUILD", **{"OS-EXT-STS:task_state": "spawning"}))
    results, _told = run(server, *MADE, slow, PORTS, *ADDRESSES, timeout=0)
    assert results["ada"].error is None
    assert results["grace"].error == "not up after 0 s (BUILD, spawning); run again to wait on"


def move(server, wanted, *answers, status="ACTIVE", task=None, retries=1, timeout=60, body=None, **instance):
    """Bring ada's server, which is there with ``status`` and ``body``, into the wanted state with these answers."""
    server.answers = list(answers)
    desired_cohort = desired.Cohort(
        COHORT,
        (desired.Instance("ada", "demo-ada", **instance),),
        image="debian",
        flavor="m2.small",
        network="coursevm-demo",
        state=wanted,
    )
    launched = {} if status == "BUILD" else LAUNCHED
    facts = {"image": {"id": "image-1"}, "metadata": {"mine": "kept"}, "OS-EXT-STS:task_state": task}
    there = observed.server(server_body("ada", status, **facts, **launched, **(body or {})))
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


def test_a_server_made_again_gives_way_to_the_older_one_of_another_run(server, pauses):
    broken = server_body("ada", "ERROR", fault={"message": "Disk full."})
    theirs = server_body("ada", "BUILD", "theirs", created="2026-01-01T00:00:01Z")
    second = server_body("ada", "BUILD", "second", created="2026-01-01T00:00:02Z")
    up = poll({**theirs, "status": "ACTIVE"})
    answers = [poll(broken), (204, ""), poll(), made("ada", "second")]
    answers += [poll(theirs, second), ASKED, (204, ""), up]
    outcome = move(server, "present", *answers, status="BUILD")
    assert (outcome.error, outcome.server.id, outcome.done) == (None, "theirs", [])
    deleted = [path.rpartition("/")[2] for method, path, _body in server.seen if method == "DELETE"]
    assert deleted == ["server-ada", "second"]


def test_a_server_of_another_run_that_vanishes_is_made_again(server, pauses):
    up = poll(server_body("ada", "ACTIVE", "second"))
    outcome = move(server, "present", poll(), made("ada", "second"), up, status="BUILD")
    assert (outcome.error, outcome.server.id, outcome.done) == (None, "second", ["create server demo-ada again"])


def test_a_cloud_that_is_away_while_a_server_goes_is_waited_for(server, pauses):
    away = (400, {"badRequest": {"message": "Not now."}})
    outcome = move(server, "absent", (204, ""), away, poll(server_body("ada")), poll())
    assert (outcome.error, outcome.server) == (None, None)


def test_a_server_is_stopped_and_waited_for(server, pauses):
    outcome = move(server, "stopped", ACCEPTED, STOPPING, STOPPED)
    assert (outcome.error, outcome.done, outcome.server.status) == (None, STOP, "SHUTOFF")
    assert asked(server) == [{"os-stop": None}]


def recorded(action, moment="2099-01-01T00:00:00.000000"):
    """Nova's list of what was asked of a server."""
    return (200, {"instanceActions": [{"action": action, "start_time": moment, "request_id": "req-1"}]})


LONG_AGO = "2026-01-01T00:00:00.000000"


@pytest.mark.parametrize(
    "trouble",
    [[(DROP,), recorded("stop")], [(504, "gateway timeout"), recorded("stop")], [BUSY]],
    ids=["lost", "timeout", "conflict"],
)
def test_a_request_that_was_lost_or_made_by_somebody_else_is_not_repeated(server, pauses, trouble):
    outcome = move(server, "stopped", *trouble, STOPPING, STOPPED)
    assert (outcome.error, outcome.done) == (None, STOP)
    assert len(asked(server)) == 1


def test_a_rebuild_whose_answer_is_lost_is_not_made_twice(server, pauses):
    """Nova may have done with it before the next poll, which then shows nothing of it."""
    outcome = move(server, "rebuilt", (DROP,), recorded("rebuild"), UP_ADA)
    assert (outcome.error, len(outcome.done)) == (None, 1)
    assert len(asked(server)) == 1


SMALL = {"flavor": {"original_name": "m1.nano"}}
LARGE = {"flavor": {"original_name": "m2.small"}}
RESIZING = poll(server_body("ada", "RESIZE", **SMALL, **{"OS-EXT-STS:task_state": "resize_migrating"}))
TO_CONFIRM = poll(server_body("ada", "VERIFY_RESIZE", **LARGE))
RESIZE = ["resize server demo-ada: flavor m1.nano -> m2.small"]


def test_a_server_is_resized_and_that_confirmed_once(server, pauses):
    answers = [ACCEPTED, RESIZING, TO_CONFIRM, ACCEPTED, TO_CONFIRM, poll(server_body("ada", **LARGE))]
    outcome = move(server, "resized", *answers, retries=0, body=SMALL)
    assert (outcome.error, outcome.done, outcome.server.flavor) == (None, RESIZE, "m2.small")
    assert asked(server) == [{"resize": {"flavorRef": "f-1"}}, {"confirmResize": None}]


def test_a_resize_that_an_interrupted_run_has_left_is_confirmed(server, pauses):
    up = poll(server_body("ada", "SHUTOFF", **LARGE))
    outcome = move(server, "resized", ACCEPTED, up, status="VERIFY_RESIZE", body=LARGE)
    assert outcome.done == ["confirm server demo-ada: status VERIFY_RESIZE -> ACTIVE"]
    assert asked(server) == [{"confirmResize": None}]


@pytest.mark.parametrize("status", [400, 409])
def test_a_resize_that_another_is_confirming_is_waited_for_and_not_asked_again(server, pauses, status):
    """Nova calls it 400 when a confirmation is under way, and 409 when the server is locked."""
    refused = (status, {"badRequest": {"message": "Instance has not been resized."}})
    answers = [refused, TO_CONFIRM, TO_CONFIRM, poll(server_body("ada", **LARGE))]
    outcome = move(server, "resized", *answers, status="VERIFY_RESIZE", body=LARGE)
    assert (outcome.error, outcome.server.status) == (None, "ACTIVE")
    assert len(asked(server)) == 1


def test_a_confirmation_that_is_refused_for_good_is_told_with_the_reason(server, pauses):
    locked = (409, {"conflictingRequest": {"message": "Instance server-ada is locked"}})
    outcome = move(server, "resized", locked, TO_CONFIRM, status="VERIFY_RESIZE", body=LARGE, timeout=0)
    assert "VERIFY_RESIZE" in outcome.error and "Instance server-ada is locked" in outcome.error


def test_a_rebuild_that_is_seen_under_way_is_not_asked_for_though_nothing_tells_of_it(server, pauses):
    rebuilding = poll(server_body("ada", "REBUILD", **{"OS-EXT-STS:task_state": "rebuild_spawning"}))
    outcome = move(server, "rebuilt", (409, {"conflictingRequest": {"message": "busy"}}), rebuilding, UP_ADA)
    assert outcome.error is None
    assert len(asked(server)) == 1


def test_a_resize_that_nova_gives_up_is_told_and_the_server_stays(server, pauses):
    same = poll(server_body("ada", **SMALL))
    outcome = move(server, "resized", ACCEPTED, RESIZING, same, ACCEPTED, same, body=SMALL)
    assert outcome.error.startswith("the server kept its flavor m1.nano: Nova gave m2.small up: no host has room")
    assert len(asked(server)) == 2


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
    outcome = move(server, "stopped", (DROP,), recorded("stop", LONG_AGO), ACCEPTED, STOPPED)
    assert (outcome.error, outcome.done) == (None, STOP)
    assert len(asked(server)) == 2


def test_metadata_whose_change_is_lost_is_changed_once(server, pauses):
    wanted = {"course": "TM351", **desired.Instance("ada", "demo-ada").full_metadata}
    looks = [(200, {"metadata": {"mine": "kept"}}), (200, {"metadata": {"mine": "kept", **wanted}})]
    outcome = move(server, "present", (503, "busy"), looks[0], (DROP,), looks[1], metadata=(("course", "TM351"),))
    assert (outcome.error, len(outcome.done)) == (None, 1)
    assert len([path for method, path, _body in server.seen if method == "POST"]) == 2


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
