"""From nothing to four students (or COURSEVM_STUDENTS) and back to nothing, in the order of the tests."""

from __future__ import annotations

import os

import pytest

ONE = ["ada"]
MANY = ["ada", *(f"s{number}" for number in range(1, int(os.environ.get("COURSEVM_STUDENTS", "4"))))]
LAST = MANY[-1]
# CONTRIBUTING: at most 2 N + 20 requests and the polls from nothing, at most 10 when all is as declared.
UNCHANGED_BUDGET = 10


def cold_budget(count):
    return 2 * count + 20


def teardown_budget(count):
    return 2 * count + 15


def show(name, run):
    requests = [result["requests"] for result in run.results]
    polls = sum(result.get("polls", 0) for result in run.results)
    print(f"MEASURED {name}: requests {requests}, polls {polls}, {run.seconds:.1f} s")


def failures(run):
    return [result.get("msg") for result in run.results if result.get("failed")]


def test_check_mode_says_all_and_makes_nothing(engine):
    run = engine.run(engine.stack(), engine.instances(*ONE), check=True)
    assert failures(run) == []
    stack, instances = run.results
    assert stack["changed"] and instances["changed"]
    assert stack["actions"][0] == f"create network {engine.network}"
    assert stack["network"]["id"] is None
    assert instances["instances"][0]["actions"] == [
        f"create server {engine.cohort}-ada",
        f"create floating IP for {engine.cohort}-ada",
    ]
    assert f"+ create server {engine.cohort}-ada" in run.output
    assert not any(engine.remains().values())


@pytest.mark.parametrize("students", [ONE, MANY], ids=["one", "many"])
def test_made_from_nothing_then_unchanged_within_the_budgets(engine, students):
    assert not any(engine.remains().values())
    cold = engine.run(engine.stack(), engine.instances(*students))
    show(f"N={len(students)} cold", cold)
    assert failures(cold) == []
    stack, instances = cold.results
    spent = sum(result["requests"] - result["polls"] for result in cold.results)
    assert spent <= cold_budget(len(students))
    for instance in instances["instances"]:
        assert (instance["status"], instance["error"], instance["drift"]) == ("ACTIVE", None, [])
        # Of Neutron, since Nova hears of floating IPs some seconds later
        (address,) = engine.cloud.network.ips(floating_ip_address=instance["floating_ip"])
        assert address.fixed_ip_address == instance["addresses"][0]
        assert engine.cloud.network.get_port(address.port_id).device_id == instance["id"]
        assert f"{instance['student']}: ACTIVE after" in cold.output

    again = engine.run(engine.stack(), engine.instances(*students))
    show(f"N={len(students)} unchanged", again)
    assert failures(again) == []
    assert [result["changed"] for result in again.results] == [False, False]
    assert sum(result["requests"] for result in again.results) <= UNCHANGED_BUDGET
    assert again.results[1]["instances"][0]["floating_ip"] == instances["instances"][0]["floating_ip"]
    assert again.results[0]["network"] == stack["network"]

    if students is MANY:
        return  # the tests below go on with it
    gone = engine.run(engine.instances(*students, state="absent"), engine.stack(state="absent"))
    assert failures(gone) == []
    assert sum(result["requests"] - result["polls"] for result in gone.results) <= teardown_budget(len(students))
    assert not any(engine.remains().values())


def test_drift_is_reported_and_left(engine):
    declared = [{"student": "ada", "user_data": "#cloud-config"}, *MANY[1:]]
    run = engine.run(engine.instances(*declared, flavor="m1.tiny", availability_zone="nova"))
    (result,) = run.results
    assert not result["changed"]
    by_student = {instance["student"]: instance["drift"] for instance in result["instances"]}
    assert [text.split(" is ")[0].split(": ")[1] for text in by_student["ada"]] == [
        "flavor",
        "availability_zone",
        "user_data",
    ]
    assert "flavor is m1.nano, declared m1.tiny" in by_student["s1"][0]
    assert len(by_student["s1"]) == 2


def test_another_image_network_and_keypair_are_reported_and_left(engine, tmp_path):
    compute, image, network = engine.cloud.compute, engine.cloud.image, engine.cloud.network
    (tmp_path / "disk").write_bytes(b"\0" * 512)
    facts = {"disk_format": "raw", "container_format": "bare", "filename": str(tmp_path / "disk")}
    other = image.create_image(f"{engine.cohort}-image", wait=True, **facts)
    elsewhere, keypair = network.create_network(name=f"{engine.cohort}-net"), compute.create_keypair(name=engine.cohort)
    declared = {"image": other.name, "network": elsewhere.name, "key_name": keypair.name}
    try:
        result = engine.call(engine.instances(*MANY, **declared))
    finally:
        compute.delete_keypair(keypair)
        network.delete_network(elsewhere)
        image.delete_image(other)
    assert not result["changed"]
    for instance in result["instances"]:
        fields = {text.split(": ")[1].split(" is ")[0]: text for text in instance["drift"]}
        assert list(fields) == ["image", "network", "key_name"]
        assert f"declared {other.id}" in fields["image"]
        assert f"network is [{engine.network}], declared [{elsewhere.name}]" in fields["network"]
        assert f"key_name is none, declared {keypair.name}" in fields["key_name"]


def test_metadata_and_security_groups_are_changed_in_place(engine):
    before = engine.server("ada").id
    changed = [{"student": "ada", "metadata": {"course": "TM351"}}, *MANY[1:]]
    task = engine.instances(*changed, security_groups=[engine.network, "default"])
    planned = engine.run(task, check=True).results[0]
    result = engine.run(task).results[0]
    assert planned["instances"][0]["actions"] == result["instances"][0]["actions"]
    server = engine.server("ada")
    assert (server.id, server.metadata["course"]) == (before, "TM351")
    assert {group["name"] for group in server.security_groups} == {engine.network, "default"}
    assert not engine.run(task).results[0]["changed"]
    assert engine.run(engine.instances(*changed)).results[0]["changed"]


def test_rules_and_subnets_are_changed_in_place(engine):
    group = engine.cloud.network.find_security_group(engine.network, ignore_missing=False)
    engine.cloud.network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", protocol="tcp", port_range_min=8888, port_range_max=8888
    )
    task = engine.stack(subnets=[{"cidr": "10.77.0.0/24", "dns_nameservers": ["9.9.9.9"]}])
    (result,) = engine.run(task).results
    assert result["actions"] == [
        f"change subnet {engine.network}-4: dns_nameservers [] -> [9.9.9.9]",
        "delete rule ingress tcp 8888 from anywhere (IPv4)",
    ]
    assert not engine.run(task).results[0]["changed"]
    assert engine.run(engine.stack(subnets=[{"cidr": "10.77.0.0/24", "dns_nameservers": []}])).results[0]["changed"]


def test_what_went_missing_is_made_again_and_nothing_else(engine):
    server = engine.server("s1")
    kept = next(engine.cloud.network.ips(port_id=engine.port_of("s1")))
    engine.cloud.compute.delete_server(server)
    engine.cloud.compute.wait_for_delete(server)
    address = next(engine.cloud.network.ips(port_id=engine.port_of("s2")))
    engine.cloud.network.delete_ip(address)
    (result,) = engine.run(engine.instances(*MANY)).results
    actions = {i["student"]: i["actions"] for i in result["instances"] if i["actions"]}
    assert actions == {
        "s1": [f"create server {engine.cohort}-s1", f"bind floating IP {kept.name} (to {engine.cohort}-s1)"],
        "s2": [f"create floating IP for {engine.cohort}-s2"],
    }
    assert engine.cloud.network.get_ip(kept.id).port_id == engine.port_of("s1")


def test_strangers_with_our_names_are_left_alone_and_explained(engine):
    cloud = engine.cloud
    network = cloud.network.find_network(engine.network, ignore_missing=False)
    facts = {"flavor_id": cloud.compute.find_flavor("m1.nano").id, "networks": [{"uuid": network.id}]}
    facts |= {"image_id": cloud.image.find_image("fake-image").id, "availability_zone": "fake"}
    server = cloud.compute.create_server(name=f"{engine.cohort}-zoe", **facts)
    cloud.compute.wait_for_server(server)
    address = cloud.network.create_ip(floating_network_id=cloud.network.find_network("public").id)
    try:
        (result,) = engine.run(engine.instances(*MANY, "zoe")).results
        assert result["failed"]
        assert result["failed_students"] == ["zoe"]
        assert f"server {engine.cohort}-zoe ({server.id}) exists and was not made by this collection" in result["msg"]
        assert [i["status"] for i in result["instances"] if i["student"] != "zoe"] == ["ACTIVE"] * len(MANY)
        (removed,) = engine.run(engine.instances("zoe", state="absent")).results
        assert not removed["changed"]
        (in_use,) = engine.run(engine.stack(state="absent")).results
        assert "is still in use by" in in_use["msg"]
        assert cloud.compute.get_server(server.id).status == "ACTIVE"
        assert cloud.network.get_ip(address.id).port_id is None
    finally:
        cloud.network.delete_ip(address)
        cloud.compute.delete_server(server)
        cloud.compute.wait_for_delete(server)


def test_students_are_removed_by_name_only(engine):
    keep = [student for student in MANY if student != LAST]
    (kept,) = engine.run(engine.instances(*keep)).results
    assert not kept["changed"]
    assert kept["undeclared_students"] == [LAST]
    (result,) = engine.run(engine.instances(LAST, state="absent")).results
    assert [(i["student"], i["status"]) for i in result["instances"]] == [(LAST, "ABSENT")]
    assert f"{engine.cohort}-{LAST}" not in engine.remains()["servers"] + engine.remains()["ports"]
    assert len(engine.remains()["floating_ips"]) == len(MANY) - 1


def test_prune_removes_who_is_not_declared_and_says_so_first(engine):
    task = engine.instances("ada", "s1", prune=True)
    planned = engine.run(task, check=True)
    assert f"- delete server {engine.cohort}-s2" in planned.output
    assert len(engine.remains()["servers"]) == len(MANY) - 1
    engine.run(task)
    assert sorted(engine.remains()["servers"]) == [f"{engine.cohort}-ada", f"{engine.cohort}-s1"]


def test_taken_down_to_nothing(engine):
    tasks = engine.instances("ada", "s1", state="absent"), engine.stack(state="absent")
    run = engine.run(*tasks)
    assert failures(run) == []
    assert sum(result["requests"] - result["polls"] for result in run.results) <= teardown_budget(2)
    assert not any(engine.remains().values())
    again = engine.run(*tasks)
    assert [result["changed"] for result in again.results] == [False, False]
