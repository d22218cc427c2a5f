# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What both ways of applying a plan share: creating a thing, or many, once although answers get lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import LONGEST_PAUSE, Cloud, CloudError

ATTEMPTS = 3
# Seconds until what a lost request began should be visible: after a broken connection, and after a time-out, when the
# cloud may still be at it.
LOOKS = (2,)
LOOKS_AFTER_TIMEOUT = (2, 10, 30)
LIST_LENGTH = 50


def appears(look: Callable[[], Any], pauses: Sequence[float] = LOOKS_AFTER_TIMEOUT) -> Any:
    """What ``look`` finds after one of the pauses (seconds), or None."""
    for pause in pauses:
        time.sleep(pause)
        found = look()
        if found is not None:
            return found
    return None


def create_once(cloud: Cloud, service: str, path: str, body: Any, look: Callable[[], Any]) -> dict[str, Any]:
    """POST, and when the answer is lost, ``look`` whether it was done before doing it again.

    ``look`` returns the answer that the request would have had, or None. The pause before it grows with each attempt,
    and is as long as the cloud asks. Raises CloudError.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return cloud.post(service, path, body)
        except CloudError as error:
            if not error.lost:
                raise
            first, *later = LOOKS_AFTER_TIMEOUT if error.timed_out else LOOKS
            is_too_long = (error.retry_after or 0) > LONGEST_PAUSE
            first = max(first * 2 ** (attempt - 1), 0 if is_too_long else error.retry_after or 0)
            try:
                found = appears(look, (first, *later))
            except CloudError as unseen:
                raise CloudError(f"{error}. Whether it was done can't be seen: {unseen}", lost=True) from unseen
            if found is not None:
                return found
            if attempt == ATTEMPTS or is_too_long:
                raise
    raise AssertionError("unreachable")


def create_many(
    cloud: Cloud,
    path: str,
    plural: str,
    bodies: list[dict[str, Any]],
    *,
    same: Callable[[dict[str, Any]], Hashable],
    look: Callable[[], list[dict[str, Any]]],
) -> list[dict[str, Any] | CloudError]:
    """Create Neutron resources in lists: what came of each body, in order.

    A list that is refused is gone through one by one. A used up quota is met once and spares the rest the request.
    ``same`` tells by what a resource is known to be that of a body, ``look`` lists what is there.
    """
    results = []
    for start in range(0, len(bodies), LIST_LENGTH):
        part = bodies[start : start + LIST_LENGTH]

        def find(part: list = part) -> dict[str, Any] | None:
            there = {same(found): found for found in look()}
            return {plural: list(there.values())} if all(same(body) in there for body in part) else None

        try:
            answer = create_once(cloud, "network", path, {plural: part}, find)
        except CloudError as error:
            if len(part) == 1:
                results.append(error)
                continue
            there = {same(found): found for found in look()} if error.lost else {}
            used_up = None
            for body in part:
                made = there.get(same(body)) or used_up
                if made is None:
                    (made,) = create_many(cloud, path, plural, [body], same=same, look=look)
                if isinstance(made, CloudError) and made.is_quota:
                    used_up = made
                results.append(made)
        else:
            there = {same(found): found for found in answer[plural]}
            results += [there[same(body)] for body in part]
    return results
