"""What is made of Squid's log. The scenario notebook_egress asks a real Squid."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.egress import answer, is_running


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


def test_a_process_that_has_ended_does_not_run_though_nobody_has_asked_for_its_end():
    assert is_running(os.getpid())
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(child.pid)
    child.wait()
    assert not is_running(child.pid)
