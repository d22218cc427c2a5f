# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a service stays up, and how it ended. Pure: what ``systemctl show`` says in, a verdict or words out.

systemd calls one that dies at every start "activating", and starts it again: neither its state nor the success of
``systemctl start`` tells it from one that runs.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping

PROPERTIES = (
    "Type",
    "ActiveState",
    "SubState",
    "Job",
    "ConditionResult",
    "NRestarts",
    "Result",
    "ExecMainCode",
    "ExecMainStatus",
    "ActiveEnterTimestampMonotonic",
)
# Seconds that a service has to have run, to count as one that stays up
SETTLED = 5
# SIGCHLD's codes for a process that a signal has ended, without or with a dump
KILLED = ("2", "3")


def is_to_stay(unit: str, seen: Mapping[str, str]) -> bool:
    """Whether the unit is one that runs on once it is started, and may be started on this host."""
    return unit.endswith(".service") and seen.get("Type") != "oneshot" and seen.get("ConditionResult") != "no"


def is_to_be_restarted(seen: Mapping[str, str]) -> bool:
    """Whether it has ended, and systemd waits before it starts it again."""
    return seen.get("SubState", "").startswith("auto-restart")


def times_ended(seen: Mapping[str, str]) -> int:
    """How often it has ended by itself since somebody started it, as long as it comes back."""
    # systemd counts the restarts, of which the last may be due yet: it is counted as soon as it has a job.
    # Since version 254 that is a state of its own, "auto-restart-queued"
    return int(seen.get("NRestarts") or 0) + (seen.get("SubState") == "auto-restart" and not seen.get("Job"))


def tolerated(first: Mapping[str, str]) -> int:
    """How often it may have ended, by what is first seen of it.

    Once is no loop, for what it lacked may be there at the next start; and whether it has done so before it is looked
    at, or is about to, is chance.
    """
    return times_ended(first) + (not is_to_be_restarted(first))


def verdict(seen: Mapping[str, str], tolerated: int, now: float) -> bool | None:
    """True for a service that has run for long enough, False for one that ends more often, or for good, else None.

    ``now`` has the seconds of the clock that systemd has its times from.
    """
    # With a job, it is in the midst of a restart
    ended_for_good = seen["ActiveState"] in ("inactive", "failed") and not seen.get("Job")
    if ended_for_good or times_ended(seen) > tolerated:
        return False
    since = int(seen["ActiveEnterTimestampMonotonic"] or 0) / 1e6
    return True if seen["ActiveState"] == "active" and now - since >= SETTLED else None


def how_it_ended(seen: Mapping[str, str]) -> str:
    """How it ended, in words: its status or signal as far as systemd knows it, and how often it was started again."""
    code, status = seen.get("ExecMainCode", "0"), int(seen.get("ExecMainStatus") or 0)
    if code in KILLED:
        words = f"signal {status} ({signal.strsignal(status)}) ended it"
    elif code != "0":
        words = f"it ended with status {status}"
    else:
        words = "it ended"
    return f"{words} (result: {seen.get('Result')}; restarts: {seen.get('NRestarts')})"
