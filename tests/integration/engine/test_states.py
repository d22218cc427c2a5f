"""Servers started, stopped, shelved and rebuilt, in the order of the tests."""

from __future__ import annotations

import base64

import pytest

STUDENTS = ["ada", "grace"]
# Only the servers and floating IPs are looked at, besides the login.
UNCHANGED_BUDGET = 3


@pytest.fixture(scope="module", autouse=True)
def cohort(engine):
    """Two students' servers that are up."""
    results = engine.run(engine.stack(), engine.instances(*STUDENTS)).results
    assert [result.get("msg") for result in results if result.get("failed")] == []
    return results[1]


def power(engine, state, *students):
    """A task that declares a state and no more than it needs."""
    return ("instances", {"state": state, "timeout": 120, "instances": [{"student": s} for s in students]})


def statuses(engine):
    return [engine.server(student).status for student in STUDENTS]


def apply_and_repeat(engine, task):
    """Check, run and run again: the check tells the same as the run, and the second run does nothing."""
    planned = engine.run(task, check=True)
    run = engine.run(task)
    again = engine.run(task)
    for told, done in zip(planned.results[0]["instances"], run.results[0]["instances"], strict=True):
        assert told["actions"] == done["actions"]
        assert all(f"~ {action}" in planned.output for action in told["actions"])
    assert not run.results[0].get("failed"), run.results[0].get("msg")
    assert not again.results[0]["changed"]
    return run.results[0], again.results[0]


def test_a_cohort_is_stopped_and_who_has_no_server_gets_none(engine):
    result, again = apply_and_repeat(engine, power(engine, "stopped", *STUDENTS, "zoe"))
    assert statuses(engine) == ["SHUTOFF", "SHUTOFF"]
    by_student = {instance["student"]: instance for instance in result["instances"]}
    assert by_student["ada"]["actions"] == [f"stop server {engine.cohort}-ada: status ACTIVE -> SHUTOFF"]
    assert by_student["ada"]["status"] == "SHUTOFF"
    assert by_student["ada"]["seconds"] is not None
    assert by_student["zoe"]["status"] == "ABSENT"
    assert "state: present makes it" in by_student["zoe"]["drift"][0]
    assert f"{engine.cohort}-zoe" not in engine.remains()["servers"] + engine.remains()["ports"]
    assert again["requests"] <= UNCHANGED_BUDGET


def test_present_leaves_the_power_alone_and_started_starts(engine):
    (present,) = engine.run(engine.instances(*STUDENTS)).results
    assert not present["changed"]
    assert statuses(engine) == ["SHUTOFF", "SHUTOFF"]
    result, again = apply_and_repeat(engine, engine.instances(*STUDENTS, state="started"))
    assert statuses(engine) == ["ACTIVE", "ACTIVE"]
    assert [i["actions"] for i in result["instances"]] == [
        [f"start server {engine.cohort}-{student}: status SHUTOFF -> ACTIVE"] for student in STUDENTS
    ]
    assert [i["drift"] for i in result["instances"]] == [[], []]
    assert again["requests"] <= 4


def test_a_shelved_server_comes_back_with_port_and_address(engine, cohort):
    result, _again = apply_and_repeat(engine, power(engine, "shelved", "ada"))
    assert engine.server("ada").status == "SHELVED_OFFLOADED"
    assert statuses(engine)[1] == "ACTIVE"
    assert result["instances"][0]["status"] == "SHELVED_OFFLOADED"
    (stopped,) = engine.run(power(engine, "stopped", "ada")).results
    assert not stopped["changed"]
    tagged = {"student": "ada", "metadata": {"course": "TM351"}}
    (present,) = engine.run(engine.instances(tagged, "grace")).results
    assert not present["changed"]
    assert [text for text in present["instances"][0]["drift"] if "metadata" in text] != []
    (refused,) = engine.run(engine.instances("ada", state="rebuilt")).results
    assert "is SHELVED_OFFLOADED, from where Nova doesn't rebuild it; start it first" in refused["msg"]

    started, _again = apply_and_repeat(engine, engine.instances(tagged, "grace", state="started"))
    assert started["instances"][0]["actions"] == [
        f"unshelve server {engine.cohort}-ada: status SHELVED_OFFLOADED -> ACTIVE",
        f"change metadata {engine.cohort}-ada: course none -> TM351",
    ]
    assert started["instances"][0]["addresses"] == cohort["instances"][0]["addresses"]
    assert started["instances"][0]["floating_ip"] == cohort["instances"][0]["floating_ip"]
    assert engine.server("ada").metadata["course"] == "TM351"
    assert [image.name for image in engine.cloud.image.images() if engine.cohort in image.name] == []


def test_paused_and_suspended_servers_are_started(engine):
    engine.cloud.compute.pause_server(engine.server("ada"))
    engine.cloud.compute.suspend_server(engine.server("grace"))
    for student, status in (("ada", "PAUSED"), ("grace", "SUSPENDED")):
        engine.cloud.compute.wait_for_server(engine.server(student), status=status, interval=1, wait=60)
    (refused,) = engine.run(power(engine, "stopped", *STUDENTS)).results
    assert refused["failed_students"] == STUDENTS
    assert "is PAUSED, from where Nova doesn't stop it; start it first" in refused["msg"]
    result, _again = apply_and_repeat(engine, engine.instances(*STUDENTS, state="started"))
    assert [i["actions"][0].split()[0] for i in result["instances"]] == ["unpause", "resume"]


def test_a_lock_is_told_and_the_other_student_served(engine):
    engine.cloud.compute.lock_server(engine.server("ada"))
    try:
        (result,) = engine.run(power(engine, "stopped", *STUDENTS)).results
    finally:
        engine.cloud.compute.unlock_server(engine.server("ada"))
    assert statuses(engine) == ["ACTIVE", "SHUTOFF"]
    assert result["failed_students"] == ["ada"]
    assert "the server is ACTIVE, not SHUTOFF: HTTP 409" in result["msg"]
    assert "is locked" in result["msg"]
    assert [len(i["actions"]) for i in result["instances"]] == [0, 1]


def test_a_rebuild_is_told_as_a_change_and_keeps_id_port_and_address(engine, cohort, admin):
    before = [engine.server(student).id for student in STUDENTS]
    ports = [engine.port_of(student) for student in STUDENTS]
    engine.cloud.compute.set_server_metadata(engine.server("ada"), mine="kept")
    declared = [{"student": "ada", "user_data": "#cloud-config"}, "grace"]
    (drift,) = engine.run(engine.instances(*declared)).results
    assert "(state: rebuilt)" in drift["instances"][0]["drift"][0]
    planned = engine.run(engine.instances(*declared[:1], state="rebuilt"), check=True)
    (result,) = engine.run(engine.instances(*declared[:1], state="rebuilt")).results
    assert not result.get("failed"), result.get("msg")
    (ada,) = result["instances"]
    assert ada["actions"] == planned.results[0]["instances"][0]["actions"]
    assert ada["actions"][0].startswith(f"rebuild server {engine.cohort}-ada: user_data sha256 ")
    assert result["undeclared_students"] == ["grace"]
    assert [engine.server(student).id for student in STUDENTS] == before
    assert [engine.port_of(student) for student in STUDENTS] == ports
    assert ada["floating_ip"] == cohort["instances"][0]["floating_ip"]
    server = admin.compute.get_server(before[0])
    assert base64.b64decode(server.user_data).decode() == "#cloud-config"
    assert server.metadata["mine"] == "kept"
    (settled,) = engine.run(engine.instances(*declared)).results
    assert [i["drift"] for i in settled["instances"]] == [[], []]
    (again,) = engine.run(engine.instances(*declared[:1], state="rebuilt")).results
    assert again["changed"]
    assert again["instances"][0]["actions"] == [f"rebuild server {engine.cohort}-ada (its disk is made anew)"]


def test_a_flavor_is_changed_when_asked_and_what_was_stopped_stays_so(engine, cohort):
    """m1.tiny has more memory than m1.nano."""
    ports = [engine.port_of(student) for student in STUDENTS]
    engine.call(power(engine, "stopped", "grace"))
    drift = engine.call(engine.instances(*STUDENTS, flavor="m1.tiny"))
    assert not drift["changed"]
    assert len([text for i in drift["instances"] for text in i["drift"] if "(state: resized)" in text]) == len(STUDENTS)
    task = engine.instances(*STUDENTS, flavor="m1.tiny", state="resized")
    planned, result, again = engine.call(task, check=True), engine.call(task), engine.call(task)
    assert not result.get("failed"), result["msg"]
    assert [i["actions"] for i in planned["instances"]] == [i["actions"] for i in result["instances"]]
    assert not again["changed"]
    assert [i["actions"] for i in result["instances"]] == [
        [f"resize server {engine.cohort}-{student}: flavor m1.nano -> m1.tiny"] for student in STUDENTS
    ]
    assert not [text for i in again["instances"] for text in i["drift"] if "flavor" in text]
    assert [engine.server(student).flavor.original_name for student in STUDENTS] == ["m1.tiny", "m1.tiny"]
    assert statuses(engine) == ["ACTIVE", "SHUTOFF"]
    assert [engine.port_of(student) for student in STUDENTS] == ports
    assert [i["floating_ip"] for i in result["instances"]] == [i["floating_ip"] for i in cohort["instances"]]


def test_a_resize_that_was_interrupted_is_confirmed(engine):
    compute, server = engine.cloud.compute, engine.server("ada")
    compute.resize_server(server, compute.find_flavor("m1.nano"))
    compute.wait_for_server(server, status="VERIFY_RESIZE", interval=1, wait=60)
    left = engine.call(engine.instances("ada"))
    assert not left["changed"]
    assert "state: resized confirms the resize" in " ".join(left["instances"][0]["drift"])
    result = engine.call(engine.instances("ada", state="resized"))
    assert result["instances"][0]["actions"] == [f"confirm server {engine.cohort}-ada: status VERIFY_RESIZE -> ACTIVE"]
    assert engine.server("ada").status == "ACTIVE"
    assert not engine.call(engine.instances("grace", state="resized")).get("failed")


def test_a_flavor_for_which_there_is_no_room_is_told_and_the_server_stays(engine, admin):
    huge = admin.compute.create_flavor(name=f"{engine.cohort}-huge", ram=1 << 30, vcpus=1, disk=3)
    try:
        result = engine.call(engine.instances("ada", flavor=huge.name, state="resized", retries=0))
    finally:
        admin.compute.delete_flavor(huge)
    assert result["failed_students"] == ["ada"]
    assert "m1.nano" in result["msg"]
    assert engine.server("ada").status == "ACTIVE"


def test_no_security_group_is_none(engine):
    task = engine.instances("ada", "mary", security_groups=[])
    planned, done = engine.call(task, check=True), engine.call(task)
    actions = {i["student"]: i["actions"] for i in done["instances"]}
    assert actions == {i["student"]: i["actions"] for i in planned["instances"]}
    assert actions["mary"][-1] == f"change port {engine.cohort}-mary: security_groups [default] -> []"
    assert [engine.cloud.network.get_port(engine.port_of(s)).security_group_ids for s in ("ada", "mary")] == [[], []]
    assert not engine.call(task)["changed"]
    engine.call(engine.instances("mary", state="absent"))
    engine.call(engine.instances("ada"))


def test_an_interrupted_stop_is_gone_on_with(engine):
    engine.run(engine.instances(*STUDENTS, state="started"))
    engine.cloud.compute.stop_server(engine.server("ada"))
    (result,) = engine.run(power(engine, "stopped", *STUDENTS)).results
    assert statuses(engine) == ["SHUTOFF", "SHUTOFF"]
    assert [i["status"] for i in result["instances"]] == ["SHUTOFF", "SHUTOFF"]
    assert result["failed_students"] == []


def test_what_is_stopped_or_shelved_is_removed_all_the_same(engine):
    engine.run(power(engine, "shelved", "grace"))
    (result,) = engine.run(engine.instances(*STUDENTS, state="absent")).results
    assert not result.get("failed"), result.get("msg")
    assert engine.remains()["servers"] == engine.remains()["ports"] == engine.remains()["floating_ips"] == []
    assert [image.name for image in engine.cloud.image.images() if engine.cohort in image.name] == []


def test_keypair_config_drive_and_server_group_are_given_and_compared(engine):
    compute = engine.cloud.compute
    keypair = compute.create_keypair(name=engine.cohort)
    group = compute.create_server_group(name=engine.cohort, policy="soft-anti-affinity")
    given = {"key_name": keypair.name, "config_drive": True, "server_group": group.name}
    try:
        (made,) = engine.run(engine.instances(*STUDENTS, **given)).results
        assert not made.get("failed"), made.get("msg")
        server = engine.server("ada")
        assert (server.key_name, bool(server.has_config_drive)) == (keypair.name, True)
        assert sorted(compute.get_server_group(group).member_ids) == sorted(i["id"] for i in made["instances"])
        same, by_id, less, misspelt = engine.run(
            engine.instances(*STUDENTS, **given),
            engine.instances(*STUDENTS, **given | {"server_group": group.id}),
            engine.instances(*STUDENTS),
            engine.instances(*STUDENTS, key_name=f"{engine.cohort}x", config_drive=False),
        ).results
        assert not any(result["changed"] for result in (same, by_id, less))
        assert [i["drift"] for result in (same, by_id, less) for i in result["instances"]] == [[]] * 6
        assert same["requests"] <= 4
        assert f"No keypair of the user is called '{engine.cohort}x'. Closest: {engine.cohort}" in misspelt["msg"]
        (differs,) = engine.run(engine.instances(*STUDENTS, config_drive=False)).results
        assert not differs["changed"]
        assert "config_drive is True, declared False" in differs["instances"][0]["drift"][0]
        (missing,) = engine.run(engine.instances(*STUDENTS, server_group="no-such-thing")).results
        assert "No server group is called 'no-such-thing'" in missing["msg"]
        assert compute.get_server_group(group).name == group.name
        engine.run(engine.instances(*STUDENTS, state="absent"))
    finally:
        compute.delete_server_group(group)
        compute.delete_keypair(keypair)
