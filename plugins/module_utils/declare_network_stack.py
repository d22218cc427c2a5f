# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A network stack from its declaration to the result of the module: looked at, planned, and carried out."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils import observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply_network_stack import Stack, apply
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud
from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import NetworkStack
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import Known
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Plan, PlanError, merged
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_network_stack import plan
from ansible_collections.ouseful.coursevm.plugins.module_utils.rivals import when_abandoned


def declare(
    cloud: Cloud,
    wanted: Sequence[NetworkStack],
    *,
    check_mode: bool,
    concurrency: int,
    leaving: Collection[str] = (),
) -> tuple[dict[str, Any], Known]:
    """Make it so, or only plan it in check mode.

    Returns what the module returns, with ``msg`` when something failed, and what it tells those who go on with it.
    ``leaving`` are ids of servers that count as removed already. What can't be done for one student doesn't stop the
    others. Raises CloudError, PlanError.
    """

    def look() -> list[Stack]:
        states = [_without(state, leaving) for state in observed.network_stacks(cloud, wanted)]
        first, *own = [_planned(cloud, one, state) for one, state in zip(wanted, states, strict=True)]
        if not first.desired.present and any(stack.error for stack in own):
            # who stays needs the group
            first = Stack(cloud, first.desired, first.state, Plan())
        return [first, *own]

    stacks = look() if check_mode else when_abandoned(cloud, look, partial(_age_of_unfinished, cloud))
    steps = merged([stack.plan for stack in stacks])
    if steps.actions and not check_mode:
        apply(cloud, stacks, concurrency)
    failed = [stack for stack in stacks if stack.error]
    done = [action for stack in stacks for action in (map(str, stack.plan.actions) if check_mode else stack.done)]
    planned = [str(action) for action in steps.actions]
    result = {
        # In the order of the plan where that is what was done
        "actions": planned if sorted(done) == sorted(planned) else done,
        "changed": bool(done),
        "drift": [str(difference) for difference in steps.drift],
        "warnings": [str(difference) for difference in steps.drift],
        "diff": {"prepared": steps.in_words()},
        **_described(stacks),
    }
    if failed:
        reasons = "; ".join(f"{stack.desired.name}: {stack.error}" for stack in failed)
        result["msg"] = f"{reasons.rstrip('.')}. Run again to go on with what is missing."
    return result, _known(stacks)


def _known(stacks: Sequence[Stack]) -> Known:
    """What the instances need of it; a group that failed is everybody's failure."""
    networks, groups = {}, {}
    for stack in stacks:
        networks |= {one.name: one.id for one in observed.ours(stack.state.networks, stack.desired.cohort)}
        groups |= {one.name: one.id for one in observed.ours(stack.state.security_groups, stack.desired.cohort)}
    last = stacks[-1]
    external = {last.desired.external_network: last.state.external_network_id}
    blocked = {stack.desired.student: stack.error or stacks[0].error for stack in stacks[1:]}
    return Known(
        networks=networks,
        external_networks={name: own_id for name, own_id in external.items() if own_id},
        security_groups=groups,
        blocked={student: error for student, error in blocked.items() if error},
        undeclared=stacks[0].state.undeclared,
    )


def _planned(cloud: Cloud, wanted: NetworkStack, state: observed.NetworkStackState) -> Stack:
    """The stack with its plan, or with the reason why nothing can be done for its student."""
    try:
        return Stack(cloud, wanted, state, plan(wanted, state))
    except PlanError as error:
        if wanted.student is None:
            raise
        stack = Stack(cloud, wanted, state, Plan(refused={wanted.student: str(error)}))
        stack.error = str(error)
        return stack


def _without(state: observed.NetworkStackState, server_ids: Collection[str]) -> observed.NetworkStackState:
    """The state without the ports of these servers."""
    return replace(state, ports=tuple(port for port in state.ports if port.device_id not in server_ids))


def _age_of_unfinished(cloud: Cloud, stacks: list[Stack]) -> float:
    """Seconds since the youngest network was made that lacks something, which another run may be about to make."""
    ages = (cloud.seconds_since(stack.begun_at) for stack in stacks if stack.begun_at)
    return min(ages, default=math.inf)


def _described(stacks: list[Stack]) -> dict:
    """The cohort's resources as the module returns them."""
    first, *own = stacks
    declared = {None, *(stack.desired.student for stack in own)}
    shared = _described_one(first)
    return {
        **shared,
        "students": [
            {"student": stack.desired.student, "error": stack.error, **_described_one(stack)} for stack in own
        ],
        "undeclared_students": sorted({one.owner.student for one in first.state.undeclared} - declared) if own else [],
    }


def _described_one(stack: Stack) -> dict:
    """The resources of one stack, those which it has."""

    def one(resources: tuple, *facts: str) -> dict:
        own = observed.ours(resources, stack.desired.cohort)
        found = own[0] if own else None
        return {"name": stack.desired.name, **{fact: getattr(found, fact, None) for fact in ("id", *facts)}}

    network = {
        "network": one(stack.state.networks, "mtu"),
        "router": one(stack.state.routers, "external_network_id"),
        "subnets": [
            {fact: getattr(subnet, fact) for fact in ("id", "name", "cidr", "ip_version", "gateway_ip")}
            for subnet in observed.ours(stack.state.subnets, stack.desired.cohort)
        ],
    }
    group = {"security_group": one(stack.state.security_groups)}
    return {**(network if stack.desired.has_network else {}), **(group if stack.desired.has_group else {})}
