"""The action as a play uses it: with a vault password file, and its passwords read back by a lookup."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[4]
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Make
      ouseful.coursevm.credentials:
        path: "{{ playbook_dir }}/credentials"
        cohort: tm351
        students: "{{ students }}"
      register: made
    - name: Give what was returned
      ansible.builtin.copy:
        content: "{{ made | to_json }}"
        dest: "{{ playbook_dir }}/returned.json"
        mode: "0600"
      check_mode: false
    - name: Read a student's file back
      ansible.builtin.copy:
        content: "{{ (lookup('ansible.builtin.unvault', path ~ '/' ~ 'ada' ~ '.yml') | from_yaml) | to_json }}"
        dest: "{{ playbook_dir }}/ada.json"
        mode: "0600"
      vars:
        path: "{{ playbook_dir }}/credentials"
      no_log: true
      when: not ansible_check_mode
"""


@pytest.fixture
def play(tmp_path):
    """A function that runs the play; gives what the action returned (None when it failed) and what was printed."""
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "vault").write_text("secret\n")

    def run(*arguments: str, students: tuple[str, ...] = ("ada", "grace"), vault: bool = True):
        command = [sys.executable, "-m", "ansible.cli.playbook", "-i", "localhost,", str(tmp_path / "play.yml")]
        command += ["-e", json.dumps({"students": students}), "-e", "ansible_connection=local", "-vvv", *arguments]
        command += ["--vault-password-file", str(tmp_path / "vault")] if vault else []
        environment = {**os.environ, "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        returned = tmp_path / "returned.json"
        return json.loads(returned.read_text()) if done.returncode == 0 else None, done.stdout + done.stderr

    return run


def test_a_cohort(play, tmp_path):
    predicted, _ = play("--check", "--diff")
    assert not (tmp_path / "credentials").exists()
    first, output = play("--diff")
    second, _ = play()
    assert predicted["changed"] and first["changed"] and not second["changed"]
    assert predicted["created"] == first["created"] == ["operator", "ada", "grace"]
    assert predicted["diff"] == first["diff"]
    assert second["public_keys"] == first["public_keys"]
    assert first["public_keys"]["ada"] + "\n" == (tmp_path / "credentials/ada.pub").read_text()
    assert first["operator_public_key"] + "\n" == (tmp_path / "credentials/operator.pub").read_text()
    assert first["operator_private_key_file"] == str(tmp_path / "credentials/operator")

    ada = json.loads((tmp_path / "ada.json").read_text())
    assert ada["ssh_public_key"] == first["public_keys"]["ada"]
    assert len(ada["password"]) == 19
    for secret in (ada["password"], "PRIVATE KEY"):
        assert secret not in output
        assert secret not in json.dumps(first)

    third, _ = play(students=("ada", "grace", "mary"))
    assert third["created"] == ["mary"]


def test_without_a_vault_secret(play):
    returned, output = play(vault=False)
    assert returned is None
    assert "There is no vault secret" in output and "--vault-password-file" in output


def test_with_another_vault_secret(play, tmp_path):
    play()
    (tmp_path / "vault").write_text("another\n")
    returned, output = play()
    assert returned is None
    assert "ada.yml cannot be decrypted" in output


def test_a_bad_student_id(play):
    returned, output = play(students=("Ada",))
    assert returned is None
    assert "students: 'Ada' is not a student id" in output
