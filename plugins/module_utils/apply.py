# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What both ways of applying a plan share: creating a thing once although answers get lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud, CloudError

ATTEMPTS = 3
# Seconds until what a lost request began should be visible: after a broken connection, and after a time-out, when the
# cloud may still be at it.
LOOKS = (2,)
LOOKS_AFTER_TIMEOUT = (2, 10, 30)


def create_once(cloud: Cloud, service: str, path: str, body: Any, look: Callable[[], Any]) -> dict[str, Any]:
    """POST, and when the answer is lost, ``look`` whether it was done before doing it again.

    ``look`` returns the answer that the request would have had, or None. Raises CloudError.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return cloud.post(service, path, body)
        except CloudError as error:
            if not error.lost:
                raise
            for pause in LOOKS_AFTER_TIMEOUT if error.timed_out else LOOKS:
                time.sleep(pause)
                found = look()
                if found is not None:
                    return found
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")
