# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps two runs for the same cohort at once from making everything twice.

Neutron keeps neither names nor marks unique. So who has created something looks again, and where another run has
created the same, the oldest stays: everyone removes only what is its own, and gives way with a reason in words.
(For servers see waiting.py.)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud

Seen = TypeVar("Seen")

# Seconds before each look. A cloud may show an older resource later than a younger one, whose maker then knows of no
# rival and keeps it: so the maker of the oldest looks until the others are gone, and gives way when they stay.
PAUSES = (0, 1, 2, 4)
# Seconds after which nobody is expected any more to go on with what was begun, and between two looks until then.
ABANDONED_AFTER, LOOK_EVERY = 60, 3


def age_order(body: dict[str, Any]) -> tuple[str, str]:
    """What sorts resources of one service from the oldest to the youngest, for everyone in the same way."""
    return body.get("created_at") or "", body["id"]


def give_way(
    cloud: Cloud,
    made: Mapping[Hashable, str],
    *,
    same: Callable[[dict[str, Any]], Hashable],
    look: Callable[[], list[dict[str, Any]]],
    remove: Callable[[str], None],
) -> dict[Hashable, str]:
    """Remove what another run has made at the same time, and return the ids of what stays instead.

    ``made`` has the ids of what this run has just made, by what makes two of them the same. ``look`` lists what is
    there, and ``same`` tells of one what makes it the same. Raises CloudError.
    """
    kept, lost = dict(made), {}
    step, contested_before = 0, math.inf
    while True:
        time.sleep(PAUSES[step])
        there: dict[Hashable, list[dict[str, Any]]] = {}
        for body in sorted(cloud.poll(look), key=age_order):
            there.setdefault(same(body), []).append(body)
        contested = {
            key: [body for body in there.get(key, []) if body["id"] != own]
            for key, own in kept.items()
            if any(body["id"] != own for body in there.get(key, []))
        }
        for key, rivals in contested.items():
            if there[key][0]["id"] != kept[key] or step == len(PAUSES) - 1:
                remove(kept.pop(key))
                lost[key] = rivals[0]["id"]
        still_contested = len(contested.keys() & kept.keys())
        if not still_contested:
            return lost
        # Another run that is giving way, one after the other, is not hurried.
        step = 1 if still_contested < contested_before else step + 1
        contested_before = still_contested


def when_abandoned(cloud: Cloud, look: Callable[[], Seen], age: Callable[[Seen], float]) -> Seen:
    """What ``look`` sees when no other run seems to be in the middle of it.

    ``age`` gives the seconds since what is unfinished was begun, endless when nothing is. It may have been begun by a
    run that was interrupted, so it is waited for no longer than that.
    """
    seen = look()
    for _time in range(ABANDONED_AFTER // LOOK_EVERY):
        if age(seen) >= ABANDONED_AFTER:
            break
        time.sleep(LOOK_EVERY)
        seen = cloud.poll(look)
    return seen


def in_words(kind: str, rival_id: str) -> str:
    """Why this run doesn't go on."""
    return (
        f"another run for this cohort is making the same {kind} at this moment ({rival_id}), so this one has left "
        "that to it"
    )
