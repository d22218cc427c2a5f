"""The module cohort: network and instances in one call, and away again."""

from __future__ import annotations

from tests.integration.engine.test_life_of_a_cohort import MANY, UNCHANGED_BUDGET, cold_budget, failures, show

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


def test_many_come_and_go_in_one_call_within_the_budgets(engine):
    cold, again = engine.run(whole(engine, *MANY)), engine.run(whole(engine, *MANY))
    gone = engine.run(whole(engine, *MANY, state="absent"))
    for name, run, budget in (
        ("cold", cold, cold_budget(len(MANY))),
        ("unchanged", again, UNCHANGED_BUDGET),
        ("teardown", gone, 2 * len(MANY) + 15),
    ):
        show(f"N={len(MANY)} {name}", run)
        assert failures(run) == []
        (result,) = run.results
        assert result["requests"] - result["polls"] <= budget
    assert (again.results[0]["changed"], again.results[0]["polls"]) == (False, 0)
    assert not any(engine.remains().values())


def test_what_was_made_is_told_when_the_rest_cannot_be(engine):
    """The instances' flavor is misspelt: the network is there by then."""
    run = engine.run(whole(engine, "ada", flavor="m1.nanno"))
    (result,) = run.results
    assert "No flavor is called 'm1.nanno'. Closest: m1.nano" in result["msg"]
    assert result["changed"]
    assert result["network_stack"]["actions"][0] == f"create network {engine.network}"
    assert engine.remains()["networks"] == [engine.network]
    assert failures(engine.run(whole(engine, "ada", state="absent"))) == []
    assert not any(engine.remains().values())


OWN = {"network_per_student": True, "subnets": [{"cidr": "10.77.0.0/24"}]}


def test_who_is_pruned_leaves_no_network_behind(engine):
    assert failures(engine.run(whole(engine, *TWO, **OWN))) == []
    (reported,) = engine.run(whole(engine, "ada", **OWN)).results
    assert (reported["changed"], reported["undeclared_students"]) == (False, ["grace"])
    pruned = whole(engine, "ada", prune=True, **OWN)
    planned, run = engine.run(pruned, check=True), engine.run(pruned)
    assert failures(planned) + failures(run) == []
    for result in (planned.results[0], run.results[0]):
        assert f"delete network {engine.network}-grace (with its subnets)" in result["network_stack"]["actions"]
        assert result["undeclared_students"] == []
    assert planned.results[0]["network_stack"]["actions"] == run.results[0]["network_stack"]["actions"]
    assert engine.remains()["networks"] == engine.remains()["routers"] == [f"{engine.network}-ada"]
    assert not engine.run(pruned).results[0]["changed"]


def test_a_name_that_is_taken_stops_that_student_alone(engine):
    taken = engine.cloud.network.create_network(name=f"{engine.network}-zoe")
    try:
        run = engine.run(whole(engine, "ada", "zoe", "alan", **OWN))
        (result,) = run.results
        assert result["failed_students"] == ["zoe"]
        clash = f"network {engine.network}-zoe ({taken.id}) exists and was not made by this collection"
        assert clash in result["msg"]
        statuses = {one["student"]: one["status"] for one in result["instances"]}
        assert statuses == {"ada": "ACTIVE", "zoe": "ABSENT", "alan": "ACTIVE"}
        assert failures(engine.run(whole(engine, "ada", "zoe", "alan", state="absent", **OWN))) == []
        assert engine.remains() == {**{kind: [] for kind in engine.remains()}, "networks": [taken.name]}
    finally:
        engine.cloud.network.delete_network(taken)


def test_ids_cost_no_more_requests_than_names(engine):
    assert failures(engine.run(whole(engine, "ada"))) == []
    compute, network, image = engine.cloud.compute, engine.cloud.network, engine.cloud.image
    ids = {
        "flavor": compute.find_flavor("m1.nano").id,
        "image": image.find_image("fake-image").id,
        "external_network": network.find_network("public").id,
    }
    (result,) = engine.run(whole(engine, "ada", **ids)).results
    assert (result["changed"], result["instances"][0]["drift"]) == (False, [])
    assert result["requests"] <= UNCHANGED_BUDGET
    assert failures(engine.run(whole(engine, "ada", state="absent"))) == []
