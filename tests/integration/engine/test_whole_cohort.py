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


def test_a_network_for_each_student(engine):
    declared = {"network_per_student": True, "subnets": [{"cidr": "10.77.0.0/24"}]}
    cold = engine.run(whole(engine, "ada", **declared))
    assert failures(cold) == []
    (made,) = cold.results
    assert [one["network"]["name"] for one in made["network_stack"]["students"]] == [f"{engine.network}-ada"]
    again = engine.run(whole(engine, "ada", **declared))
    assert (failures(again), again.results[0]["changed"]) == ([], False)
    gone = engine.run(whole(engine, "ada", state="absent", **declared))
    assert failures(gone) == []
    assert not any(engine.remains().values())
