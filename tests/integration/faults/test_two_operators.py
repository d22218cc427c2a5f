"""Two operators run the same at once: nothing is there twice in the end, and each is told what happened."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from direct import ALL, INSTANCES, STACK, STUDENTS


def both(tasks_of, later):
    """The results of two operators, the second of whom starts ``later`` seconds after the first."""

    def operate(pause):
        time.sleep(pause)
        return tasks_of()

    with ThreadPoolExecutor(2) as operators:
        return list(operators.map(operate, (0, later)))


def told_clearly(result):
    """Whether a run went well, or says that another one is at it."""
    return not result.get("failed") or "another run for this cohort is making the same" in result["msg"]


@pytest.mark.parametrize("later", [0, 0.3, 1, 2, 4, 8] if ALL else [2])
def test_two_runs_from_nothing_make_everything_once(new_cohort, later):
    case = new_cohort()

    def run():
        stack = case.call(case.stack())
        return [stack] if stack.get("failed") else [stack, case.call(case.instances(*STUDENTS))]

    results = [result for results in both(run, later) for result in results]
    print([result.get("msg", "well") for result in results])
    assert all(told_clearly(result) for result in results), [result.get("msg") for result in results]
    assert case.settle(case.stack()) == []
    assert case.settle(case.instances(*STUDENTS)) == []
    assert case.amounts() == STACK | INSTANCES


@pytest.mark.parametrize("later", [0, 1, 2, 4] if ALL else [0])
def test_two_runs_on_a_network_that_is_there_make_everything_once(new_cohort, later):
    case = new_cohort()
    assert not case.call(case.stack()).get("failed")
    results = both(lambda: case.call(case.instances(*STUDENTS)), later)
    print([result.get("msg", "well") for result in results])
    assert all(told_clearly(result) for result in results), [result.get("msg") for result in results]
    assert case.settle(case.instances(*STUDENTS)) == []
    assert case.amounts() == STACK | INSTANCES
