"""What is asked before a module does its work."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.unless import told


class Failed(Exception):
    """The module has ended with an error."""


class Module:
    """Runs commands for real."""

    def __init__(self, unless: str | None) -> None:
        self.params = {"unless": unless}

    def run_command(self, command: list[str]) -> tuple[int, str, str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def fail_json(self, msg: str) -> None:
        raise Failed(msg)


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (None, []),
        ("", []),
        ("true", []),
        ("echo it is not that >&2", []),
        ("echo no nginx; echo 'port: 80'", ["no nginx", "port: 80"]),
        ("for x in 1 2; do echo $x; done | sed 1d", ["2"]),
    ],
)
def test_what_is_printed_is_told_line_by_line(command, lines):
    assert told(Module(command)) == lines


@pytest.mark.parametrize("command", ["exit 3", "echo no nginx; false", "if"])
def test_a_question_that_fails_is_no_answer(command):
    with pytest.raises(Failed, match=r"^unless: the command exits with [123]: .*It is: "):
        told(Module(command))
