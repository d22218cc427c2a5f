"""A large cohort by the module cohort: what it costs in requests to make it, to find it unchanged, and to remove it."""

from __future__ import annotations

from tests.integration.engine.test_life_of_a_cohort import MANY, UNCHANGED_BUDGET, cold_budget, teardown_budget
from tests.integration.engine.test_whole_cohort import whole


def test_many_come_and_go_in_one_call_within_the_budgets(engine):
    cold, again = engine.call(whole(engine, *MANY)), engine.call(whole(engine, *MANY))
    gone = engine.call(whole(engine, *MANY, state="absent"))
    for name, result, budget in (
        ("cold", cold, cold_budget(len(MANY))),
        ("unchanged", again, UNCHANGED_BUDGET),
        ("teardown", gone, teardown_budget(len(MANY))),
    ):
        print(f"MEASURED N={len(MANY)} {name}: requests {result['requests']}, polls {result['polls']}")
        assert not result.get("failed"), result["msg"]
        assert result["requests"] - result["polls"] <= budget
    assert (again["changed"], again["polls"]) == (False, 0)
    assert not any(engine.remains().values())
