"""The script that takes a change back or confirms it, run by a real shell.

Only systemctl is a stand-in, which writes down what it is told.
The scenario student_access has a real systemd take changes back.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils.take_back import UNIT, guard_script

NAMES = st.sampled_from(
    ["plain", "with space", "quo'te", "do$llar", "-dash", "back\\slash", "ünï", "semi;colon", "new\nline"]
)
CONTENTS = st.none() | st.binary(max_size=20)


class Host:
    """A directory that stands for the host."""

    def __init__(self, root: pathlib.Path) -> None:
        self.etc, self.commit, self.units, self.bin = (root / name for name in ("etc", "commit", "units", "bin"))
        for directory in (self.etc, self.commit, self.units, self.bin):
            directory.mkdir()
        self.calls = root / "calls"
        (self.bin / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {self.calls}\n')
        (self.bin / "systemctl").chmod(0o755)
        for kind in ("timer", "service"):
            (self.units / f"{UNIT}.{kind}").write_text("")

    def read(self, names: list[str]) -> dict[str, bytes | None]:
        paths = {name: self.etc / name for name in names}
        return {name: path.read_bytes() if path.exists() else None for name, path in paths.items()}

    def write(self, contents: dict[str, bytes | None]) -> None:
        for name, content in contents.items():
            if content is None:
                (self.etc / name).unlink(missing_ok=True)
            else:
                (self.etc / name).write_bytes(content)

    def arm(self, names: list[str], undo: list[str]) -> None:
        saved: list[tuple[str, str | None]] = []
        for number, name in enumerate(names):
            copy = self.commit / str(number)
            if (self.etc / name).exists():
                shutil.copy2(self.etc / name, copy)
            saved.append((str(self.etc / name), str(copy) if copy.exists() else None))
        (self.commit / "guard").write_text(guard_script(str(self.commit), saved, undo, str(self.units)))
        (self.commit / "armed").write_text("token")

    def guard(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"}
        command = ["/bin/sh", str(self.commit / "guard"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    def is_disarmed(self) -> bool:
        return not self.commit.exists() and not list(self.units.iterdir())


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


def test_another_change_is_not_confirmed(host):
    host.arm([], [])
    answer = host.guard("confirm", "another")
    assert (answer.returncode, answer.stderr) == (4, "it was taken back before\n")
    assert (host.commit / "armed").exists()


@pytest.mark.parametrize(("decided", "content"), [("confirmed", b"new"), ("taking-back", b"old")])
def test_who_decided_first_has_decided_also_when_it_was_interrupted_then(host, decided, content):
    host.write({"a": b"old"})
    host.arm(["a"], [])
    host.write({"a": b"new"})
    (host.commit / "armed").rename(host.commit / decided)
    assert host.guard("confirm", "token").returncode == 4
    host.guard("take-back")
    assert host.read(["a"]) == {"a": content}
    assert host.is_disarmed()
