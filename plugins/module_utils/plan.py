# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a plan consists of. Plans are made by pure functions in plan_network_stack.py and plan_instances.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SIGNS = {"create": "+", "delete": "-"}


class PlanError(Exception):
    """Nothing can be done at all, in words."""


@dataclass(frozen=True)
class Action:
    """One step: what to do with which resource.

    ``id`` is the present resource's, ``before`` and ``after`` are the facts that change, by their API names.
    """

    verb: str
    kind: str
    name: str
    student: str | None = None
    id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    note: str = ""

    def __str__(self) -> str:
        """Say it in words: 'change subnet x: dns_nameservers [] -> [9.9.9.9]'."""
        text = f"{self.verb} {self.kind} {self.name}"
        if self.before and self.after:
            keys = [key for key in self.after if self.before.get(key) != self.after[key]]
            changes = [f"{key} {_plain(self.before.get(key))} -> {_plain(self.after[key])}" for key in keys]
            text += f": {', '.join(changes)}"
        return f"{text} ({self.note})" if self.note else text


@dataclass(frozen=True)
class Drift:
    """A difference that is reported and not mended, because mending it would cost a student's work or address."""

    name: str
    field: str
    observed: Any
    desired: Any
    mend: str
    student: str | None = None

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.name}: {self.field} is {_plain(self.observed)}, declared {_plain(self.desired)}; {self.mend}"


@dataclass(frozen=True)
class Plan:
    """Actions in the order of their doing, reported differences, and what is refused for which student."""

    actions: tuple[Action, ...] = ()
    drift: tuple[Drift, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether there is nothing to do and nothing to report."""
        return not (self.actions or self.drift or self.refused)

    def in_words(self) -> str:
        """The plan as the text of a diff: one line each, drift and refusals marked with '!'."""
        lines = [f"{SIGNS.get(action.verb, '~')} {action}" for action in self.actions]
        lines += [f"! {drift}" for drift in self.drift]
        lines += [f"! {student}: {reason}" for student, reason in self.refused.items()]
        return "".join(f"{line}\n" for line in lines)


def merged(plans: Iterable[Plan]) -> Plan:
    """Several plans as one."""
    plans = list(plans)
    return Plan(
        tuple(action for plan in plans for action in plan.actions),
        tuple(difference for plan in plans for difference in plan.drift),
        {student: reason for plan in plans for student, reason in plan.refused.items()},
    )


def chosen(kind: str, name: str, found: Iterable[Any], cohort: str) -> Any:
    """The one resource with that name which the cohort owns; None when there is none.

    Raises PlanError when the name is taken by a resource that is not ours, or ours is there twice.
    """
    named = [resource for resource in found if resource.name == name]
    own = [resource for resource in named if resource.owner and resource.owner.cohort == cohort]
    if len(own) > 1:
        ids = ", ".join(resource.id for resource in own)
        raise PlanError(f"{kind} {name} is there {len(own)} times ({ids}); remove all but one.")
    if not own and named:
        raise PlanError(clash(kind, name, named[0].id, named[0].owner))
    return own[0] if own else None


def clash(kind: str, name: str, resource_id: str, owner: Any = None) -> str:
    """Say that a name is taken."""
    whose = f"belongs to cohort '{owner.cohort}'" if owner else "was not made by this collection"
    return f"{kind} {name} ({resource_id}) exists and {whose}, so it is left alone; choose another name or remove it."


def _plain(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, list | tuple | set):
        return f"[{', '.join(_plain(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_plain(item)}' for key, item in value.items())}}}"
    return str(value)
