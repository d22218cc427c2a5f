"""At a request of a run one fault: the run, or the one after it, ends with all there once.

What is made, changed, told another state, pruned and removed has the same fault at the same request of each run.
COURSEVM_FAULTS=all does every fault at every request of each run, for five students. Otherwise some are done at one
request of each run, for two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from direct import ALL, INSTANCES, STACK, STUDENTS, Direct

KINDS = ["429", "503", "delay", "truncate", "reset"]


@dataclass
class Step:
    """One run: what is declared, what there is afterwards, and how often each server is then asked for ``counted``.

    ``first`` is the first of the requests that are struck when not all are: the last looks, and then what is done.
    """

    task: tuple
    wanted: dict[str, int]
    first: int
    counted: str | None = None


@dataclass
class Case:
    """A cohort that goes through its steps, each with a fault, and what is ``wrong`` afterwards."""

    cohort: Direct
    steps: list[Step]
    wrong: list[str] = field(default_factory=list)

    def strike(self, proxy, kind, at=None):
        """Go through the steps with the fault at that request of each, or at the one that the step chooses.

        Returns which requests were struck, None when a run was over before.
        """
        return [self._run(proxy, kind, at or step.first + KINDS.index(kind), step) for step in self.steps]

    def _run(self, proxy, kind, at, step):
        before = self.cohort.asked(step.counted) if step.counted else []
        proxy.strike(kind, at)
        result = self.cohort.call(step.task, proxy)
        struck = proxy.report()["struck"]
        # A login that timed out is not tried again: a firewall would keep everyone waiting three times as long.
        gives_up = kind == "delay" and struck and struck.endswith("/auth/tokens")
        survived = bool(result.get("failed")) == bool(gives_up)
        wrong = [] if survived else [f"one fault was too much: {result.get('msg')}"]
        if step.counted:  # it is a change in every run
            after = self.cohort.asked(step.counted)
            if after != [number + (not gives_up) for number in before]:
                wrong.append(f"servers were asked to {step.counted} {before} times before and {after} times after")
        else:
            wrong += self.cohort.settle(step.task)
        amounts = self.cohort.amounts()
        if amounts != step.wanted:
            wrong.append(f"there is {amounts}, wanted {step.wanted}")
        self.wrong += [f"{step.task[0]}: {kind} at {struck}: {what}" for what in wrong]
        return struck


def every_position(proxy, subtests, tell, kind, make):
    """Strike at each position that is chosen, until all runs are over before they get there."""
    at = 1 if ALL else None
    while True:
        case, struck = make(), []
        with subtests.test(f"{kind} at request {at or 'chosen'}"):
            struck = case.strike(proxy, kind, at)
            number = sum(request is not None for request in struck)
            tell(kind, number, f"{kind} at {at}: {struck} {case.wrong or 'well'}")
            assert case.wrong == []
            assert ALL or None not in struck
        if not ALL or not any(struck):
            return
        at += 1


@pytest.mark.parametrize("kind", KINDS if ALL else ["429", "delay"])
def test_network_stack(proxy, new_cohort, subtests, tell, kind):
    def make():
        cohort = new_cohort()
        return Case(cohort, [Step(cohort.stack(), STACK, 4), Step(cohort.stack(state="absent"), {}, 4)])

    every_position(proxy, subtests, tell, kind, make)


def up(new_cohort):
    """A cohort with its network, and its servers where there are to be some."""
    cohort = new_cohort()
    stack = cohort.call(cohort.stack())
    assert not stack.get("failed"), stack
    return cohort


@pytest.mark.parametrize("kind", KINDS if ALL else ["503", "truncate", "reset"])
def test_instances(proxy, new_cohort, subtests, tell, kind):
    cohort = up(new_cohort)
    steps = [
        Step(cohort.instances(*STUDENTS), STACK | INSTANCES, 6),
        Step(cohort.instances(*STUDENTS, state="absent"), STACK, 4),
    ]
    every_position(proxy, subtests, tell, kind, lambda: Case(cohort, steps))


@pytest.mark.parametrize("kind", KINDS if ALL else ["reset"])
def test_changes_and_states(proxy, new_cohort, subtests, tell, kind):
    cohort = up(new_cohort)
    made = cohort.call(cohort.instances(*STUDENTS))
    assert not made.get("failed"), made
    everything = STACK | INSTANCES
    tagged = [{"student": student, "metadata": {"course": "TM351"}} for student in STUDENTS]
    changed = {"security_groups": [cohort.network, "default"]}
    cidr = {"cidr": "10.77.0.0/24"}

    def to(state, **facts):
        return cohort.instances(*STUDENTS, state=state, timeout=120, **facts)

    def make():
        back = {**cidr, "dns_nameservers": []}
        opened = [{"protocol": "tcp", "port_range_min": port} for port in (22, 80)]
        return Case(
            cohort,
            [
                Step(cohort.stack(subnets=[{**cidr, "dns_nameservers": ["9.9.9.9"]}]), everything, 3),
                Step(cohort.stack(subnets=[back], security_group_rules=opened), everything, 5),
                Step(cohort.stack(subnets=[back]), everything, 4),
                Step(cohort.instances(*tagged, **changed), everything, 6),
                Step(cohort.instances(*({**one, "metadata": {"course": "none"}} for one in tagged)), everything, 7),
                Step(to("stopped"), everything, 1),
                Step(to("started"), everything, 5),
                Step(to("resized", flavor="m1.tiny"), everything, 5),
                Step(to("resized"), everything, 6),
                Step(to("rebuilt"), everything, 5, counted="rebuild"),
            ],
        )

    every_position(proxy, subtests, tell, kind, make)


@pytest.mark.parametrize("kind", KINDS if ALL else ["reset"])
def test_a_whole_cohort_with_a_network_for_each(proxy, new_cohort, subtests, tell, kind):
    """In one call; then one student is pruned, and all go."""
    own = {name: len(STUDENTS) for name in ("networks", "subnets", "routers")} | {"security_groups": 1}
    left = {name: number - (number > 1) for name, number in (own | INSTANCES).items()}

    def make():
        cohort = new_cohort()

        def whole(*students, **facts):
            _module, network = cohort.stack()
            _module, instances = cohort.instances(*students)
            for option in ("network", "security_groups", "floating_network"):
                del instances[option]
            return ("cohort", {**network, **instances, "network_per_student": True, **facts})

        return Case(
            cohort,
            [
                Step(whole(*STUDENTS), own | INSTANCES, 4),
                Step(whole(*STUDENTS[1:], prune=True), left, 6),
                Step(whole(*STUDENTS[1:], state="absent"), {}, 4),
            ],
        )

    every_position(proxy, subtests, tell, kind, make)
