"""How often a play asks a repository. Scenario course_notebooks has the rest of the action."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[4]
# Nothing comes to a host: what was found is too large
PLAY = """
- hosts: all
  gather_facts: false
  strategy: {strategy}
  tasks:
    - name: Deliver
      ouseful.coursevm.course_notebooks:
        repository: "{course}"
        ref: main
        dest: /nowhere
        owner: nobody
        cache: "{{{{ playbook_dir }}}}/cache"
        max_size: 1
"""


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_a_branch_is_looked_up_once_in_every_run(tmp_path, strategy):
    course, log = tmp_path / "course", tmp_path / "git.log"
    commit = "git init -qb main . && echo hello > a && git add a && git -c user.name=x -c user.email=x commit -qm x"
    course.mkdir()
    subprocess.run(["sh", "-c", commit], cwd=course, check=True)
    (tmp_path / "play.yml").write_text(PLAY.format(strategy=strategy, course=course))
    command = [sys.executable, "-m", "ansible.cli.playbook", "-i", "a,b,c", "-c", "local", str(tmp_path / "play.yml")]
    for run in (1, 2):
        environment = {**os.environ, "GIT_TRACE": str(log)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.stdout.count('"msg": "max_size: all files') == 3, done.stdout + done.stderr
        assert log.read_text().count("built-in: git fetch ") == run
