"""What is made of Squid's log. The scenario notebook_egress asks a real Squid."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.egress import LOGGED, answer, is_running


@pytest.mark.parametrize(
    ("result", "error", "expected"),
    [
        ("TCP_TUNNEL", "-", "allowed"),
        ("TCP_MISS", "-", "allowed"),
        ("TCP_DENIED", "ERR_ACCESS_DENIED", "refused"),
        ("TCP_DENIED", "ERR_CACHE_ACCESS_DENIED", "refused"),
        ("TCP_MISS", "ERR_CONNECT_FAIL", "failed"),
    ],
)
def test_answer(result, error, expected):
    assert answer(result, error) == expected


@pytest.mark.parametrize(
    ("line", "readable"),
    [
        ("ada data.example:443 TCP_TUNNEL -", True),
        ("a%20b data.example:80 TCP_DENIED ERR_CACHE_ACCESS_DENIED", True),
        ("a b data.example:80 TCP_DENIED ERR_CACHE_ACCESS_DENIED", False),
        ("a\x1b[2J data.example:80 TCP_DENIED ERR_CACHE_ACCESS_DENIED", False),
        ("", False),
    ],
)
def test_a_login_of_anybodys_making_is_no_more_than_unreadable(line, readable):
    assert bool(LOGGED.fullmatch(line)) == readable


def test_a_process_that_has_ended_does_not_run_though_nobody_has_asked_for_its_end():
    assert is_running(os.getpid())
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(child.pid)
    child.wait()
    assert not is_running(child.pid)
