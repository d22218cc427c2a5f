"""What fails for one student or for all, in words, on the development cloud."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def network(engine):
    """The cohort's network stack."""
    (result,) = engine.run(engine.stack()).results
    assert not result.get("failed"), result
    return result


UNKNOWN = {
    "No image is called 'fake-imag'. Closest: fake-image": {"image": "fake-imag"},
    "No flavor is called 'm1.nanno'. Closest: m1.nano": {"flavor": "m1.nanno"},
    "No external network is called 'publik'. Closest: public": {"floating_network": "publik"},
    "No security group is called 'defaul'. Closest: default": {"security_groups": ["defaul"]},
    "No network is called 'no-such-thing'.": {"network": "no-such-thing"},
    "No cloud is called 'coursevm-de'; closest: coursevm-dev": {"cloud": "coursevm-de"},
}


def test_unknown_names_are_answered_with_the_closest(engine, network):
    results = engine.run(*(engine.instances("ada", **changes) for changes in UNKNOWN.values())).results
    for message, result in zip(UNKNOWN, results, strict=True):
        assert message in result["msg"]


def test_a_used_up_quota_is_named_and_the_others_come_up(engine, network, admin):
    project = engine.cloud.current_project_id
    used = len(list(engine.cloud.network.ips(project_id=project)))
    usual = admin.network.get_quota(project).floating_ips
    admin.network.update_quota(project, floating_ips=used + 1)
    try:
        # one at a time: neutron lets two requests at once both pass its check
        (result,) = engine.run(engine.instances("ada", "grace", concurrency=1)).results
    finally:
        admin.network.update_quota(project, floating_ips=usual)
    assert len(result["failed_students"]) == 1
    assert "A quota of the project is used up: Quota exceeded for resources: ['floatingip']" in result["msg"]
    assert "Run again to go on" in result["msg"]
    (again,) = engine.run(engine.instances("ada", "grace")).results
    assert again["failed_students"] == []
    assert [i["student"] for i in again["instances"] if i["actions"]] == result["failed_students"]


def test_a_server_that_cannot_come_up_is_tried_again_and_explained(engine, network, admin):
    (before,) = engine.run(engine.instances("ada", "grace")).results
    assert before["failed_students"] == []
    flavor = admin.compute.create_flavor(name=f"{engine.cohort}-huge", ram=999_000_000, vcpus=1, disk=1)
    try:
        run = engine.run(engine.instances("ada", "grace", {"student": "hal"}, flavor=flavor.name, retries=1))
        (result,) = run.results
        assert result["failed_students"] == ["hal"]
        (hal,) = [i for i in result["instances"] if i["student"] == "hal"]
        assert hal["status"] == "ERROR"
        assert "No valid host was found" in hal["error"]
        assert "flavor too big" in hal["error"]
        assert f"create server {engine.cohort}-hal again" in hal["actions"]
        assert "removing it and trying again" in run.output
        assert [i["status"] for i in result["instances"]][:2] == ["ACTIVE", "ACTIVE"]
    finally:
        admin.compute.delete_flavor(flavor)
    (mended,) = engine.run(engine.instances("ada", "grace", "hal")).results
    assert mended["failed_students"] == []
    (hal,) = [i for i in mended["instances"] if i["student"] == "hal"]
    assert hal["actions"][0].startswith(f"delete server {engine.cohort}-hal (never came up: No valid host")
    assert hal["status"] == "ACTIVE"
