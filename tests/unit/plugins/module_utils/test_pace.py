"""How often the cloud is asked about what is on its way."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils.pace import LONGEST_PAUSE, SHORTEST_PAUSE, Pace, pause

TIMES = st.floats(0, 10_000)


@given(TIMES, TIMES, st.integers(0, 200), st.integers(1, 200))
def test_no_poll_is_hurried_or_forgotten(elapsed, quiet, settled, left):
    assert SHORTEST_PAUSE <= pause(elapsed, min(quiet, elapsed), settled, left) <= LONGEST_PAUSE


@given(st.integers(1, 100), st.integers(2, 100), TIMES)
def test_the_nearer_the_end_the_sooner(settled, left, elapsed):
    assert pause(elapsed, 0, settled + 1, left - 1) <= pause(elapsed, 0, settled, left)


def test_a_cohort_that_is_nearly_there_is_not_waited_for_in_vain():
    assert pause(100, 0, 25, 25) == LONGEST_PAUSE
    assert pause(100, 0, 45, 5) == pytest.approx(0.2 * 100 * 5 / 45)
    assert pause(100, 0, 49, 1) == SHORTEST_PAUSE


def test_a_straggler_is_asked_about_less_and_less():
    assert [pause(100 + quiet, quiet, 49, 1) for quiet in (0, 10, 30, 60)] == [SHORTEST_PAUSE, 2, 6, LONGEST_PAUSE]


def test_before_anything_settles_the_pause_grows_with_the_time():
    assert [pause(elapsed, elapsed, 0, 1) for elapsed in (0, 10, 30, 100)] == [SHORTEST_PAUSE, 2, 6, LONGEST_PAUSE]


class Clock:
    """A time that passes only while something sleeps, or as the test says."""

    def __init__(self, monkeypatch):
        self.now, self.slept = 0.0, []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", lambda seconds: (self.slept.append(seconds), self.passes(seconds)))

    def passes(self, seconds):
        """Let that time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def ask(clock, pace, left, takes=0):
    return pace.ask(lambda: clock.passes(takes), left)


def test_news_are_when_fewer_are_left(clock):
    pace = Pace(4)
    ask(clock, pace, 4, takes=20 - SHORTEST_PAUSE)
    ask(clock, pace, 1)
    assert clock.slept == [SHORTEST_PAUSE, LONGEST_PAUSE]  # the first answer took longer than that
    ask(clock, pace, 1)
    assert clock.slept[2:] == [pytest.approx(0.2 * 30 / 3)]  # it is 30 s, ten of them quiet
    assert pace.elapsed == 32


def test_what_is_done_between_two_polls_counts_as_pause(clock):
    pace = Pace(4)
    clock.passes(10)
    ask(clock, pace, 4)
    clock.passes(1.5)
    ask(clock, pace, 4)
    assert clock.slept == [0, pytest.approx(0.2 * 11.5 - 1.5)]


def test_what_the_cloud_is_long_about_is_not_asked_again_soon(clock):
    pace = Pace(4)
    ask(clock, pace, 4, takes=3)
    ask(clock, pace, 4)
    assert clock.slept == [SHORTEST_PAUSE, 3]


def test_a_poll_that_failed_is_not_repeated_at_once(clock):
    pace = Pace(4)

    def fails():
        clock.passes(2)
        raise ValueError

    with pytest.raises(ValueError):
        pace.ask(fails, 4)
    ask(clock, pace, 4)
    assert clock.slept == [SHORTEST_PAUSE, 2]
