# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How often to ask the cloud about many things that are on their way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
#: This part of the time that is expected to be left is waited before the next poll.
SHARE = 0.2


def pause(elapsed: float, quiet: float, settled: int, left: int) -> float:
    """Seconds until the next poll, after ``elapsed`` seconds of which the last ``quiet`` ones brought no news.

    While things settle, what is left is expected to go on at the same pace; so the polls are seldom in the middle, and
    often near the end, where a long pause would be waited in vain. Without news, what has lasted long lasts longer.
    """
    expected = min(elapsed, elapsed * left / settled) if settled else elapsed
    return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, SHARE * max(expected, quiet)))


class Pace:
    """The pace at which ``total`` things settle; begins when it is made."""

    def __init__(self, total: int) -> None:
        self._started = self._news_at = self._answered_at = time.monotonic()
        self._total = self._left = total
        self._took = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._started

    def ask(self, question: Callable[[], Answer], left: int) -> Answer:
        """What ``question`` returns, when it is time to ask it; ``left`` is how many have not settled.

        What was done since the last answer counts as pause, and what the cloud was long about isn't asked again soon.
        """
        now = time.monotonic()
        if left != self._left:
            self._left, self._news_at = left, now
        due = pause(self.elapsed, now - self._news_at, self._total - left, left)
        time.sleep(max(0.0, self._answered_at + max(due, self._took) - now))
        asked_at = time.monotonic()
        try:
            return question()
        finally:
            self._answered_at = time.monotonic()
            self._took = min(LONGEST_PAUSE, self._answered_at - asked_at)
