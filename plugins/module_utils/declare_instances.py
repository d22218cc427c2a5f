# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cohort's instances from their declaration to the result of the module: looked at, planned, and carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils import observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply_instances import Apply, outcomes
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud
from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import Cohort
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Plan
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_instances import plan, undeclared_students
from ansible_collections.ouseful.coursevm.plugins.module_utils.progress import teller
from ansible_collections.ouseful.coursevm.plugins.module_utils.waiting import Outcome


@dataclass(frozen=True)
class Options:
    """How to carry it out; the options of the module with these names."""

    check_mode: bool
    timeout: int  # seconds
    concurrency: int
    retries: int
    tell: Callable[[str], None]

    @classmethod
    def of(cls, module: AnsibleModule) -> Options:
        """Those of a module."""
        given = {name: module.params[name] for name in ("timeout", "concurrency", "retries")}
        return cls(check_mode=module.check_mode, tell=teller(module), **given)


def declare(
    cloud: Cloud,
    wanted: Cohort,
    options: Options,
    known: observed.Known = observed.NOTHING_KNOWN,
    leaving: set[str] | None = None,
) -> dict[str, Any]:
    """Make it so, or only plan it in check mode, and return what the module returns; ``msg`` when something failed.

    In check mode ``leaving`` is given the ids of the servers that would be gone. Raises CloudError.
    """
    state = observed.cohort(cloud, wanted)
    steps = plan(wanted, state)
    # a server that comes up in ERROR is made again, which takes the names, too
    coming_up = any(server.status == "BUILD" for server in state.servers)
    if wanted.makes and (coming_up or not steps.settled):
        made_nowhere = [one for one in wanted.instances if options.check_mode or one.student in known.blocked]
        may_be_missing = {wanted.network_of(one) for one in made_nowhere}
        if options.check_mode:
            may_be_missing |= set(wanted.security_groups or ())
        state = observed.rest_of_cohort(cloud, wanted, state, known, may_be_missing)
        steps = plan(wanted, state)
    # The plan's own refusals have no actions; those of before the plan are to have none either
    steps = replace(steps, actions=tuple(action for action in steps.actions if action.student not in known.blocked))
    if leaving is not None and options.check_mode:
        leaving |= {action.id for action in steps.actions if (action.verb, action.kind) == ("delete", "server")}
    others = undeclared_students(wanted, state)
    listed = [instance.student for instance in wanted.instances]
    results = outcomes(state, [*listed, *(others if wanted.prune else [])])
    for student, reason in {**steps.refused, **known.blocked}.items():
        results[student].error = reason
    warnings = [str(difference) for difference in steps.drift]
    if options.check_mode:
        missing = state.names.missing if state.names else ()
        warnings += [f"{name} is not there yet; the plan takes it that it will be." for name in missing]
        for action in steps.actions:
            results[action.student].done.append(str(action))
    else:
        how = {name: getattr(options, name) for name in ("timeout", "concurrency", "retries", "tell")}
        Apply(cloud, wanted, state, results, **how).run(steps)
    instances = _described(wanted, steps, results)
    failed = [instance for instance in instances if instance["error"]]
    result = {
        "changed": any(instance["actions"] for instance in instances),
        "instances": instances,
        "failed_students": [instance["student"] for instance in failed],
        "undeclared_students": [] if wanted.prune else others,
        "warnings": warnings,
        "diff": {"prepared": steps.in_words()},
    }
    if failed:
        result["msg"] = _in_words(failed, len(instances))
    return result


def _in_words(failed: list[dict], number: int) -> str:
    """What failed for whom; those with the same reason together."""
    students: dict[str, list[str]] = {}
    for instance in failed:
        students.setdefault(instance["error"], []).append(instance["student"])
    reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in students.items())
    return (
        f"{len(failed)} of {number} instances failed. {reasons.rstrip('.')}. "
        "Run again to go on with what is missing; what is up stays up."
    )


def _described(wanted: Cohort, steps: Plan, results: dict[str, Outcome]) -> list[dict]:
    """The results as the module returns them."""
    names = {instance.student: instance.name for instance in wanted.instances}
    return [
        {
            "student": student,
            "name": names.get(student) or f"{wanted.cohort}-{student}",
            "id": result.server.id if result.server else None,
            "status": result.server.status if result.server else "ABSENT",
            "addresses": list(result.server.addresses) if result.server else [],
            "floating_ip": result.floating_ip.name if result.floating_ip else None,
            "actions": result.done,
            "drift": [str(difference) for difference in steps.drift if difference.student == student],
            "seconds": result.seconds,
            "error": result.error,
        }
        for student, result in results.items()
    ]
