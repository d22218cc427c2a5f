"""Words for how a service ended; test_unit.py and the scenario service_units have the verdict."""

from __future__ import annotations

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.stays_up import (
    how_it_ended,
    is_to_stay,
    times_ended,
    tolerated,
    verdict,
)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"ExecMainCode": "1", "ExecMainStatus": "3", "Result": "exit-code"}, "it ended with status 3"),
        ({"ExecMainCode": "1", "ExecMainStatus": "0", "Result": "success"}, "it ended with status 0"),
        ({"ExecMainCode": "2", "ExecMainStatus": "9", "Result": "oom-kill"}, "signal 9 (Killed) ended it"),
        ({"ExecMainCode": "3", "ExecMainStatus": "11"}, "signal 11 (Segmentation fault) ended it"),
        ({"ExecMainCode": "2", "ExecMainStatus": "35"}, "signal 35 (Real-time signal 1) ended it"),
        ({"ExecMainCode": "0", "ExecMainStatus": "0"}, "it ended"),  # before its own program, or it runs again
    ],
)
def test_how_it_ended(seen, words):
    told = how_it_ended({"Result": "exit-code", "NRestarts": "7", **seen})
    assert told == f"{words} (result: {seen.get('Result', 'exit-code')}; restarts: 7)"


@pytest.mark.parametrize(
    ("seen", "times"),
    [
        ({"SubState": "running"}, 2),
        ({"SubState": "auto-restart", "Job": ""}, 3),
        ({"SubState": "auto-restart", "Job": "811"}, 2),  # up to systemd 253
        ({"SubState": "auto-restart-queued", "Job": "811"}, 2),
        ({"SubState": "dead", "Job": "811"}, 2),
        ({"SubState": "start-pre", "Job": "811"}, 2),
    ],
)
def test_an_end_is_counted_once(seen, times):
    assert times_ended({"NRestarts": "2", **seen}) == times


def looped(*looks):
    """The verdict after these looks, each with the state of the unit, that of its service, and the restarts."""
    seen = [
        {"ActiveState": state, "SubState": sub, "NRestarts": restarts, "ActiveEnterTimestampMonotonic": "0"}
        for state, sub, restarts in looks
    ]
    return verdict(seen[-1], tolerated(seen[0]), now=1)


RUNNING, WAITING = ("active", "running"), ("activating", "auto-restart")


@pytest.mark.parametrize("before", [0, 9])
def test_one_end_is_no_loop_whether_it_is_seen_or_not(before):
    assert looped((*RUNNING, before)) is None
    assert looped((*RUNNING, before), (*WAITING, before)) is None
    assert looped((*RUNNING, before), (*RUNNING, before + 1)) is None
    assert looped((*WAITING, before), (*RUNNING, before + 1)) is None
    assert looped((*RUNNING, before), (*WAITING, before + 1)) is False
    assert looped((*WAITING, before), (*WAITING, before + 1)) is False
    assert looped((*RUNNING, before), ("failed", "failed", before)) is False


def test_a_service_in_the_midst_of_a_restart_has_not_ended():
    seen = {"ActiveState": "inactive", "SubState": "dead", "NRestarts": "1", "ActiveEnterTimestampMonotonic": "0"}
    assert verdict({**seen, "Job": "811"}, 1, now=1) is None
    assert verdict({**seen, "Job": ""}, 1, now=1) is False


@pytest.mark.parametrize(
    ("unit", "seen", "to_stay"),
    [
        ("a.service", {"Type": "exec"}, True),
        ("a.service", {"Type": "forking", "ConditionResult": "yes"}, True),
        ("a.service", {"Type": "oneshot"}, False),
        ("a.service", {"Type": "exec", "ConditionResult": "no"}, False),
        ("a.timer", {}, False),
        ("a.mount", {"Type": "tmpfs"}, False),
    ],
)
def test_what_is_to_stay(unit, seen, to_stay):
    assert is_to_stay(unit, seen) == to_stay
