"""From a cell of the roster to the student's authorized_keys: the inventories as they are, and the README's example."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[3]
ROLE = ROOT / "roles" / "student_access"
KEYS = [f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43} {letter}" for letter in "ABC"]
# A cell may have several keys, one a line, or none
ROSTER = f'id,public_keys,forge_user\nada,"{KEYS[0]}\n{KEYS[1]}",lovelace\ngrace,,hopper\n'
PLAY = """
- hosts: coursevm_students
  connection: local
  gather_facts: false
  tasks:
    - name: Have the role's variables, and do nothing
      ansible.builtin.import_role:
        name: ouseful.coursevm.student_access
      when: false
    - name: Tell what it would write
      ansible.builtin.copy:
        content: "{{ {'keys': __student_access_declared, 'urls': student_access_authorized_keys_urls} | to_json }}"
        dest: "{{ playbook_dir }}/{{ inventory_hostname }}"
"""


@pytest.fixture
def told(tmp_path):
    """A function that gives what the role makes of an inventory, by student; or the output of a run that fails."""

    def run(inventory: str, roster: str, given: dict | None = None):
        shutil.copytree(ROOT / "inventories" / inventory, tmp_path / "inventory", ignore=lambda *_: {".state"})
        (tmp_path / "inventory" / "students.csv").write_text(roster)
        credentials = tmp_path / "inventory" / ".state" / "credentials"
        credentials.mkdir(parents=True)
        for student in ("ada", "grace"):
            (credentials / f"{student}.yml").write_text(json.dumps({"ssh_public_key": KEYS[2]}))
        (tmp_path / "play.yml").write_text(PLAY)
        variables = {"ansible_python_interpreter": sys.executable, **(given or {})}
        done = subprocess.run(
            [sys.executable, "-m", "ansible.cli.playbook", "-i", "inventory", "-e", json.dumps(variables), "play.yml"],
            cwd=tmp_path,
            env={**os.environ, "OS_CLIENT_CONFIG_FILE": "/nonexistent", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done.stdout + done.stderr
        return {student: json.loads((tmp_path / student).read_text()) for student in ("ada", "grace")}

    return run


@pytest.mark.parametrize("inventory", sorted(path.name for path in (ROOT / "inventories").iterdir()))
def test_keys_of_a_column_come_beside_the_key_that_is_made_for_the_student(told, inventory):
    found = told(inventory, ROSTER)
    assert found["ada"]["keys"] == [KEYS[2], KEYS[0], KEYS[1]]
    assert found["grace"]["keys"] == [KEYS[2]]


def test_a_roster_needs_no_such_column(told):
    assert told("demo", "id\nada\ngrace\n")["ada"]["keys"] == [KEYS[2]]


def test_what_is_no_public_key_is_an_error_that_does_not_show_it(told):
    output = told("demo", "id,public_keys\nada,-----BEGIN OPENSSH PRIVATE KEY-----\ngrace,\n")
    assert "student_access_authorized_keys: line 2 is of a private key" in output
    assert "-----BEGIN" not in output


def test_the_example_of_the_readme(told):
    example = re.search(r"## Example\n.*?```yaml\n(.*?)```", (ROLE / "README.md").read_text(), re.DOTALL)[1]
    given = {
        name: value
        for name, value in yaml.safe_load(example)[0]["vars"].items()
        if name.startswith("student_access_authorized_keys")
    }
    found = told("demo", ROSTER, {**given, "__student_access_fetched_keys": []})
    assert found["ada"]["keys"] == [KEYS[0], KEYS[1]]
    assert found["grace"]["keys"] == []
    assert found["ada"]["urls"] == ["https://forge.example.org/lovelace.keys"]
