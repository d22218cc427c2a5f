# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a server gets from one status to another in Nova. Facts only, touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHELVED = ("SHELVED", "SHELVED_OFFLOADED")
RESIZED = "VERIFY_RESIZE"
# In which Nova takes other metadata (nova/compute/api.py).
TAKE_METADATA = ("ACTIVE", "PAUSED", "SUSPENDED", "SHUTOFF")
CONFIRM = "confirm"


@dataclass(frozen=True)
class Goal:
    """Where servers are wanted.

    ``statuses`` count as there, the first is named in words. ``ways`` has the verb for each status from which Nova
    leads there. With ``always`` the way is gone even by who is there already.
    """

    verb: str
    statuses: tuple[str, ...]
    ways: Mapping[str, str]
    always: bool = False


# By the state that the module instances is asked for; what isn't here leaves the status of servers alone.
GOALS = {
    "started": Goal(
        "start",
        ("ACTIVE",),
        {
            "SHUTOFF": "start",
            "PAUSED": "unpause",
            "SUSPENDED": "resume",
            "SHELVED": "unshelve",
            "SHELVED_OFFLOADED": "unshelve",
        },
    ),
    # Who is shelved runs as little as who is stopped, and could be stopped only by running first.
    "stopped": Goal("stop", ("SHUTOFF", *SHELVED), {"ACTIVE": "stop"}),
    "shelved": Goal("shelve", SHELVED, dict.fromkeys(("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"), "shelve")),
    # Nova waits for a word after it, and then is where it was before.
    "resized": Goal("resize", ("ACTIVE", "SHUTOFF"), {"ACTIVE": "resize", "SHUTOFF": "resize", RESIZED: CONFIRM}),
    "rebuilt": Goal(
        "rebuild", ("ACTIVE", "SHUTOFF"), dict.fromkeys(("ACTIVE", "SHUTOFF", "ERROR"), "rebuild"), always=True
    ),
}
# What Nova's API calls them; a rebuild and a resize have more to say, see apply_instances.py.
REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "start": {"os-start": None},
    "stop": {"os-stop": None},
    "unpause": {"unpause": None},
    "resume": {"resume": None},
    "shelve": {"shelve": None},
    "unshelve": {"unshelve": None},
    CONFIRM: {"confirmResize": None},
}
# What Nova records them as, where that is not the verb (nova/compute/instance_actions.py).
RECORDED = {CONFIRM: "confirmResize"}
# Statuses that pass by themselves, and tasks under way, with what follows.
PASSING = dict.fromkeys(("BUILD", "REBOOT", "HARD_REBOOT", "REBUILD", "PASSWORD", "MIGRATING"), "ACTIVE") | {
    "RESIZE": RESIZED
}
TASKS = {
    "powering-off": "SHUTOFF",
    "powering-on": "ACTIVE",
    "pausing": "PAUSED",
    "unpausing": "ACTIVE",
    "suspending": "SUSPENDED",
    "resuming": "ACTIVE",
    "shelving": "SHELVED",
    "shelving_image_pending_upload": "SHELVED",
    "shelving_image_uploading": "SHELVED",
    "shelving_offloading": "SHELVED_OFFLOADED",
    "unshelving": "ACTIVE",
    "spawning": "ACTIVE",
    **dict.fromkeys(("resize_prep", "resize_migrating", "resize_migrated", "resize_finish"), RESIZED),
}


def next_status(status: str, task: str | None) -> str:
    """The status that a server is going to have if nobody asks for anything."""
    return TASKS.get(task) or PASSING.get(status, status)
