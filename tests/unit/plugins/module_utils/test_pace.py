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


def test_news_are_when_fewer_are_left(monkeypatch):
    now, slept = 0.0, []
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "sleep", slept.append)
    pace = Pace(4)
    for now, left in ((20.0, 4), (30.0, 1), (45.0, 1)):  # noqa: B007 (the clock reads it)
        pace.wait(left)
    assert slept == [4.0, 2.0, 3.0]
    assert pace.elapsed == 45
