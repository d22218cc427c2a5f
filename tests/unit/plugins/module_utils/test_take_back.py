"""The script that takes a change back or confirms it, run by a real shell.

The scenario student_access has a real systemd take changes back.
"""

from __future__ import annotations

import pathlib
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unconfirmed import Host

from ansible_collections.ouseful.coursevm.plugins.module_utils.take_back import UNIT

NAMES = st.sampled_from(
    ["plain", "with space", "quo'te", "do$llar", "-dash", "back\\slash", "ünï", "semi;colon", "new\nline"]
)
CONTENTS = st.none() | st.binary(max_size=20)


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


@settings(max_examples=25, deadline=None)
@given(before=st.dictionaries(NAMES, CONTENTS), after=st.dictionaries(NAMES, CONTENTS))
def test_every_file_comes_back_as_it_was(before, after):
    with tempfile.TemporaryDirectory() as root:
        host = Host(pathlib.Path(root))
        names = sorted({*before, *after})
        host.write(before)
        was = host.read(names)
        host.arm(names, [])
        host.write(after)
        host.guard("take-back")
        assert host.read(names) == was
        assert host.is_disarmed()


def test_commands_are_run_once_the_files_are_back_and_a_failing_one_stops_nothing(host):
    host.write({"a": b"old"})
    host.arm(["a"], ["exit 1", f"cp {host.etc}/a {host.etc}/seen"])
    host.write({"a": b"new"})
    assert "was taken back" in host.guard("take-back").stdout
    assert host.read(["a", "seen"]) == {"a": b"old", "seen": b"old"}


def test_a_confirmed_change_stays_and_the_timer_ends(host):
    host.write({"a": b"old"})
    host.arm(["a"], [])
    host.write({"a": b"new"})
    assert host.guard("confirm", "token").returncode == 0
    assert host.read(["a"]) == {"a": b"new"}
    assert host.is_disarmed()
    assert f"--quiet stop {UNIT}.timer" in host.calls.read_text()
    assert host.confirmed.read_text() == "token"


def test_another_change_is_not_confirmed(host):
    host.arm([], [])
    answer = host.guard("confirm", "another")
    assert (answer.returncode, answer.stderr) == (4, "it was taken back before\n")
    assert (host.commit / "armed").exists()


@pytest.mark.parametrize(("decided", "content"), [("../commit.confirmed", b"new"), ("taking-back", b"old")])
def test_who_decided_first_has_decided_also_when_it_was_interrupted_then(host, decided, content):
    host.write({"a": b"old"})
    host.arm(["a"], [])
    host.write({"a": b"new"})
    (host.commit / "armed").rename(host.commit / decided)
    assert host.guard("confirm", "token").returncode == 4
    host.guard("take-back")
    assert host.read(["a"]) == {"a": content}
    assert host.is_disarmed()
