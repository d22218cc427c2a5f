"""What is asked before a module does its work."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.ouseful.coursevm.plugins.module_utils.unless import UNLESS, told


def ask(command: str | None) -> list[str]:
    """What a real module is told."""
    with patch_module_args({"unless": command}):
        return told(AnsibleModule(argument_spec=UNLESS))


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (None, []),
        ("", []),
        ("true", []),
        ("echo it is not that >&2", []),
        ("echo no nginx; echo 'port: 80'", ["no nginx", "port: 80"]),
        ("for x in 1 2; do echo $x; done | sed 1d", ["2"]),
        # The shell's variables and quotes are its own, and nothing of Ansible's environment
        ("echo '$HOME ${PATH} ~'; for HOME in 1 2; do echo $HOME; done", ["$HOME ${PATH} ~", "1", "2"]),
    ],
)
def test_what_is_printed_is_told_line_by_line(command, lines):
    assert ask(command) == lines


@pytest.mark.parametrize("command", ["exit 3", "echo no nginx; false", "if"])
def test_a_question_that_fails_is_no_answer(command, capsys):
    with pytest.raises(SystemExit):
        ask(command)
    result = json.loads(capsys.readouterr().out)
    assert result["failed"]
    assert result["msg"].startswith("unless: the command exits with ")
    assert result["msg"].endswith(f". It is: {command}")
