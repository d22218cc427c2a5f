"""At a request of a run one fault: the run, or the one after it, ends with all there once.

The run is made of network_stack and of instances, and so are the cases: a fault in the one doesn't reach the other.
Then the same is removed, with the same fault at the same request.
COURSEVM_FAULTS=all does every fault at every request of a run for five students. Otherwise each fault is done at one
request of each module, of a run for three.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from direct import ALL, INSTANCES, STACK, STUDENTS, Direct

KINDS = ["429", "503", "delay", "truncate", "reset"]
# The first of the requests that are struck when not all are: the last looks, and then what the modules make.
FIRST = {"network_stack": 4, "instances": 6}


@dataclass
class Case:
    """A cohort that is made and removed with a fault, and what is ``wrong`` afterwards."""

    cohort: Direct
    declare: Callable
    made: dict[str, int]
    left: dict[str, int]
    wrong: list[str] = field(default_factory=list)

    def strike(self, proxy, kind, at):
        """Make and remove with the fault at that request of each; which requests were struck, None when over before."""
        return [
            self._run(proxy, kind, at, self.declare(state=state), wanted)
            for state, wanted in (("present", self.made), ("absent", self.left))
        ]

    def _run(self, proxy, kind, at, task, wanted):
        proxy.strike(kind, at)
        result = self.cohort.call(task, proxy)
        struck = proxy.report()["struck"]
        # A login that timed out is not tried again: a firewall would keep everyone waiting three times as long.
        gives_up = kind == "delay" and struck and struck.endswith("/auth/tokens")
        survived = bool(result.get("failed")) == bool(gives_up)
        wrong = [] if survived else [f"one fault was too much: {result.get('msg')}"]
        wrong += self.cohort.settle(task)
        amounts = self.cohort.amounts()
        if amounts != wanted:
            wrong.append(f"there is {amounts}, wanted {wanted}")
        self.wrong += [f"{kind} at {struck}: {what}" for what in wrong]
        return struck


def every_position(proxy, subtests, tell, *, kind, module, make):
    """Strike at each position that is chosen, until both runs are over before they get there."""
    at = 1 if ALL else FIRST[module] + KINDS.index(kind)
    while True:
        case, struck = make(), []
        with subtests.test(f"{kind} at request {at}"):
            struck = case.strike(proxy, kind, at)
            tell(
                kind,
                sum(request is not None for request in struck),
                f"{module}: {kind} at {at}: {struck} {case.wrong or 'well'}",
            )
            assert case.wrong == []
            assert ALL or struck[0] is not None
        if not ALL or not any(struck):
            return
        at += 1


@pytest.mark.parametrize("kind", KINDS)
def test_network_stack(proxy, new_cohort, subtests, tell, kind):
    def make():
        cohort = new_cohort()
        return Case(cohort, cohort.stack, STACK, {})

    every_position(proxy, subtests, tell, kind=kind, module="network_stack", make=make)


@pytest.mark.parametrize("kind", KINDS)
def test_instances(proxy, new_cohort, subtests, tell, kind):
    cohort = new_cohort()
    stack = cohort.call(cohort.stack())
    assert not stack.get("failed"), stack

    def declare(state):
        return cohort.instances(*STUDENTS, state=state)

    every_position(
        proxy,
        subtests,
        tell,
        kind=kind,
        module="instances",
        make=lambda: Case(cohort, declare, STACK | INSTANCES, STACK),
    )
