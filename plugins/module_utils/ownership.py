# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a resource says that it is ours.

What this collection creates carries the tags ``coursevm``, ``coursevm:cohort=<cohort>`` and, where it belongs to one
student, ``coursevm:student=<student>``. Nova takes tags in the request that creates a server. Neutron wants one more
request per resource for tags, so there the same tags, joined by commas, are the resource's ``description``.
Only what carries them is ever changed or removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PREFIX = "coursevm"
# Neutron refuses longer descriptions.
MARKER_LENGTH = 255


@dataclass(frozen=True)
class Owner:
    """Whose a resource is; ``network`` is the name a floating IP's network was declared by, where it is known."""

    cohort: str
    student: str | None = None
    network: str | None = None


def tags(cohort: str, student: str | None = None) -> tuple[str, ...]:
    """The tags of a cohort's resource, or of one student's."""
    common = (PREFIX, f"{PREFIX}:cohort={cohort}")
    return common if student is None else (*common, f"{PREFIX}:student={student}")


def marker(cohort: str, student: str | None = None, network: str | None = None) -> str:
    """The same as a neutron description.

    The network's name is a fact about a floating IP that would otherwise cost a request to look up. It is left out
    where it doesn't fit: then the request is made.
    """
    parts = tags(cohort, student)
    if network is not None and "," not in network:
        longer = ",".join((*parts, f"{PREFIX}:network={network}"))
        if len(longer) <= MARKER_LENGTH:
            return longer
    return ",".join(parts)


def owner_of_tags(found: Iterable[str]) -> Owner | None:
    """Read the tags of a resource; None when it isn't ours."""
    present = set(found)
    facts = {}
    for tag in present:
        key, separator, value = tag.removeprefix(f"{PREFIX}:").partition("=")
        if separator and tag.startswith(f"{PREFIX}:"):
            facts[key] = value
    if PREFIX not in present or not facts.get("cohort"):
        return None
    return Owner(facts["cohort"], facts.get("student"), facts.get("network"))


def owner_of_marker(description: str | None) -> Owner | None:
    """Read a neutron description; None when the resource isn't ours."""
    return owner_of_tags((description or "").split(","))
