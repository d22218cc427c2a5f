"""A network, a router and a server for each student, in the order of the tests."""

from __future__ import annotations

import pytest

STUDENTS = ["ada", "alan"]


def stack(engine, *students, **changes):
    return engine.stack(**{"students": list(students), "subnets": [{"cidr": "10.79.0.0/24"}], **changes})


def instances(engine, *students, **changes):
    declared = [{"student": s, "network": f"{engine.network}-{s}"} for s in students]
    module, arguments = engine.instances(*declared, **changes)
    return module, {name: value for name, value in arguments.items() if name != "network"}


def made(results):
    assert [result["msg"] for result in results if result.get("failed")] == []
    return results


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left(engine):
    """Remove the networks whatever became of the tests."""
    yield
    engine.run(engine.instances(*STUDENTS, state="absent"), stack(engine, *STUDENTS, "zoe", state="absent"))


@pytest.fixture(scope="module")
def cold(engine):
    """Networks and servers made from nothing."""
    tasks = stack(engine, *STUDENTS), instances(engine, *STUDENTS)
    planned = made(engine.run(*tasks, check=True).results)
    assert not any(engine.remains().values())
    run = engine.run(*tasks)
    done = made(run.results)
    assert planned[0]["actions"] == done[0]["actions"]
    requests = [result["requests"] for result in done]
    print(f"MEASURED N={len(STUDENTS)} own networks cold: {requests}, polls {done[1]['polls']}, {run.seconds:.1f} s")
    return done


def test_the_budget_is_kept_and_each_is_on_a_network_of_its_own(engine, cold):
    assert sum(result["requests"] - result["polls"] for result in cold) <= 5 * len(STUDENTS) + 20
    own = {one["student"]: one for one in cold[0]["students"]}
    assert len({one["network"]["id"] for one in own.values()}) == len(STUDENTS)
    for instance in cold[1]["instances"]:
        assert (instance["status"], instance["drift"]) == ("ACTIVE", [])
        server = engine.server(instance["student"])
        assert list(server.addresses) == [f"{engine.network}-{instance['student']}"]
        router = engine.cloud.network.get_router(own[instance["student"]]["router"]["id"])
        assert router.external_gateway_info["network_id"]
    assert [name for name in engine.remains()["security_groups"] if name == engine.network] == [engine.network]


def test_unchanged_is_ten_requests_whatever_the_number(engine, cold):
    again = made(engine.run(stack(engine, *STUDENTS), instances(engine, *STUDENTS)).results)
    assert [result["changed"] for result in again] == [False, False]
    assert sum(result["requests"] for result in again) <= 10
    assert again[0]["students"] == cold[0]["students"]


def test_who_is_not_declared_is_reported_and_what_is_missing_made(engine, cold):
    (result,) = made(engine.run(stack(engine, *STUDENTS[:1])).results)
    assert (result["changed"], result["undeclared_students"]) == (False, ["alan"])
    (more,) = made(engine.run(stack(engine, *STUDENTS, "zoe")).results)
    zoe = f"{engine.network}-zoe"
    assert more["actions"] == [
        f"create network {zoe}",
        f"create subnet {zoe}-4 (10.79.0.0/24)",
        f"create router {zoe} (gateway public)",
        f"attach subnet {zoe}-4 (to router {zoe})",
    ]


def test_a_network_in_use_stays_and_the_group_goes_with_the_last(engine, cold):
    (in_use,) = engine.run(stack(engine, "ada", "zoe", state="absent")).results
    assert f"Network {engine.network}-ada is still in use by server {engine.server('ada').id}" in in_use["msg"]
    made(engine.run(stack(engine, "zoe", state="absent")).results)
    assert f"{engine.network}-zoe" not in engine.remains()["networks"]
    assert engine.network in engine.remains()["security_groups"]
    tasks = engine.instances(*STUDENTS, state="absent"), stack(engine, *STUDENTS, state="absent")
    made(engine.run(*tasks).results)
    assert not any(engine.remains().values())
    assert [result["changed"] for result in made(engine.run(*tasks).results)] == [False, False]
