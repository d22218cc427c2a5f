"""The module cohort: network and instances in one call, and away again."""

from __future__ import annotations

from tests.integration.engine.test_life_of_a_cohort import UNCHANGED_BUDGET, cold_budget, failures, show

TWO = ["ada", "grace"]


def whole(engine, *students, **changes):
    """A task that declares network stack and instances."""
    _module, network = engine.stack()
    _module, instances = engine.instances(*students)
    for option in ("network", "security_groups", "floating_network"):
        del instances[option]
    return ("cohort", {**network, **instances, **changes})


def test_check_mode_plans_it_all(engine):
    run = engine.run(whole(engine, *TWO), check=True)
    assert failures(run) == []
    (result,) = run.results
    assert result["changed"]
    assert result["network_stack"]["actions"][0] == f"create network {engine.network}"
    assert result["instances"][1]["actions"][0] == f"create server {engine.cohort}-grace"
    assert not any(engine.remains().values())


def test_from_nothing_and_unchanged_within_the_budgets(engine):
    cold = engine.run(whole(engine, *TWO))
    show("cold", cold)
    assert failures(cold) == []
    (made,) = cold.results
    assert made["requests"] - made["polls"] <= cold_budget(len(TWO))
    assert [instance["status"] for instance in made["instances"]] == ["ACTIVE", "ACTIVE"]
    assert "ada: ACTIVE after" in cold.output

    again = engine.run(whole(engine, *TWO))
    show("unchanged", again)
    (same,) = again.results
    assert (failures(again), same["changed"]) == ([], False)
    assert same["requests"] < UNCHANGED_BUDGET
    assert same["network_stack"]["network"] == made["network_stack"]["network"]


def test_one_student_leaves_and_the_network_stays(engine):
    run = engine.run(whole(engine, "grace", state="absent"))
    assert failures(run) == []
    (result,) = run.results
    assert (result["undeclared_students"], result["network_stack"]) == (["ada"], None)
    assert engine.remains()["networks"] == [engine.network]


def test_check_mode_of_the_removal_says_all_and_removes_nothing(engine):
    before = engine.remains()
    run = engine.run(whole(engine, "ada", state="absent"), check=True)
    assert failures(run) == []
    assert f"- delete network {engine.network} (with its subnets)" in run.output
    assert engine.remains() == before


def test_the_last_student_takes_the_network_along(engine):
    run = engine.run(whole(engine, "ada", state="absent"))
    assert failures(run) == []
    assert not any(engine.remains().values())


def test_what_was_made_is_told_when_the_rest_cannot_be(engine):
    """The instances' flavor is misspelt: the network is there by then."""
    result = engine.call(whole(engine, "ada", flavor="m1.nanno"))
    assert "No flavor is called 'm1.nanno'. Closest: m1.nano" in result["msg"]
    assert result["changed"]
    assert result["network_stack"]["actions"][0] == f"create network {engine.network}"
    assert engine.remains()["networks"] == [engine.network]
    assert not engine.call(whole(engine, "ada", state="absent")).get("failed")
    assert not any(engine.remains().values())


OWN = {"network_per_student": True, "subnets": [{"cidr": "10.77.0.0/24"}]}


def test_who_is_pruned_leaves_no_network_behind(engine):
    assert not engine.call(whole(engine, *TWO, **OWN)).get("failed")
    reported = engine.call(whole(engine, "ada", **OWN))
    assert (reported["changed"], reported["undeclared_students"]) == (False, ["grace"])
    pruned = whole(engine, "ada", prune=True, **OWN)
    planned, done = engine.call(pruned, check=True), engine.call(pruned)
    for result in (planned, done):
        assert not result.get("failed"), result["msg"]
        assert f"delete network {engine.network}-grace (with its subnets)" in result["network_stack"]["actions"]
        assert result["undeclared_students"] == []
    assert planned["network_stack"]["actions"] == done["network_stack"]["actions"]
    assert engine.remains()["networks"] == engine.remains()["routers"] == [f"{engine.network}-ada"]
    assert not engine.call(pruned)["changed"]


def test_networks_of_an_earlier_name_are_reported_and_pruned(engine):
    other = f"{engine.network}-x"
    renamed = engine.call(whole(engine, "grace", name=other, **OWN))
    assert not renamed.get("failed"), renamed["msg"]
    assert renamed["undeclared_students"] == ["ada"]
    both = engine.call(whole(engine, "ada", "grace", name=other, **OWN))
    (difference,) = both["network_stack"]["drift"]
    assert difference.startswith(f"network {engine.network}-ada: presence")
    pruned = engine.call(whole(engine, "grace", name=other, prune=True, **OWN))
    assert not pruned.get("failed"), pruned["msg"]
    assert pruned["undeclared_students"] == []
    assert engine.remains()["networks"] == engine.remains()["routers"] == [f"{other}-grace"]
    # The group of the earlier name, which nobody needs any more
    assert not engine.call(engine.stack(students=["ada"], state="absent")).get("failed")
    assert engine.remains()["security_groups"] == [other]
    assert not engine.call(whole(engine, "grace", name=other, state="absent", **OWN)).get("failed")
    assert not any(engine.remains().values())


def test_a_name_that_is_taken_stops_that_student_alone(engine):
    taken = engine.cloud.network.create_network(name=f"{engine.network}-zoe")
    try:
        result = engine.call(whole(engine, "ada", "zoe", "alan", **OWN))
        assert result["failed_students"] == ["zoe"]
        clash = f"network {engine.network}-zoe ({taken.id}) exists and was not made by this collection"
        assert clash in result["msg"]
        statuses = {one["student"]: one["status"] for one in result["instances"]}
        assert statuses == {"ada": "ACTIVE", "zoe": "ABSENT", "alan": "ACTIVE"}
        assert not engine.call(whole(engine, "ada", "zoe", "alan", state="absent", **OWN)).get("failed")
        assert engine.remains() == {**{kind: [] for kind in engine.remains()}, "networks": [taken.name]}
    finally:
        engine.cloud.network.delete_network(taken)


def test_ids_cost_no_more_requests_than_names(engine):
    assert not engine.call(whole(engine, "ada")).get("failed")
    compute, network, image = engine.cloud.compute, engine.cloud.network, engine.cloud.image
    ids = {
        "flavor": compute.find_flavor("m1.nano").id,
        "image": image.find_image("fake-image").id,
        "external_network": network.find_network("public").id,
    }
    result = engine.call(whole(engine, "ada", **ids))
    assert (result["changed"], result["instances"][0]["drift"]) == (False, [])
    assert result["requests"] <= UNCHANGED_BUDGET
    assert not engine.call(whole(engine, "ada", state="absent")).get("failed")
