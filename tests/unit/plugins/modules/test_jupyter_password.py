"""jupyter_password, run by ansible on a file of this machine; argon2-cffi judges the hash, as it does in Jupyter."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import argon2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.action import jupyter_password as action
from ansible_collections.ouseful.coursevm.plugins.modules import jupyter_password as module

ROOT = pathlib.Path(__file__).parents[4]
PASSWORD = "correct horse battery"


@pytest.fixture
def config(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "etc" / "jupyter.json"


def run(config: pathlib.Path, *options: str, variables: dict | None = None, **arguments: object) -> dict:
    """Run the module by `ansible`, and return its result; that no secret is printed is part of every test."""
    done = subprocess.run(
        [
            str(pathlib.Path(sys.executable).with_name("ansible")),
            *("localhost", "--inventory", "localhost,", "--connection", "local", "--one-line", "--diff", *options),
            *("--extra-vars", json.dumps({"ansible_python_interpreter": sys.executable, **(variables or {})})),
            *(
                "--module-name",
                "ouseful.coursevm.jupyter_password",
                "--args",
                json.dumps({"path": str(config), **arguments}),
            ),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert "argon2id" not in output
    assert str(arguments.get("password") or "nothing to hide") not in output
    return json.loads(done.stdout[done.stdout.index("=> ") + 3 :])


def stored(config: pathlib.Path) -> str:
    return json.loads(config.read_text())["PasswordIdentityProvider"]["hashed_password"]


def verifies(config: pathlib.Path, password: str) -> bool:
    try:
        return argon2.PasswordHasher().verify(stored(config).removeprefix("argon2:"), password)
    except argon2.exceptions.VerifyMismatchError:
        return False


def test_nothing_is_done_before_all_is_there(config: pathlib.Path) -> None:
    heard = run(config, password=PASSWORD, unless="echo no account")
    assert heard["told"] == ["no account"]
    assert not heard["changed"] and not heard["password_changed"]
    assert not config.parent.exists()

    done = run(config, password=PASSWORD, unless="true")
    assert done["told"] == [] and done["password_changed"]
    assert verifies(config, PASSWORD)


def test_set_keep_and_reset(config: pathlib.Path) -> None:
    assert run(config, "--check", password=PASSWORD)["changed"]
    assert not config.parent.exists()

    made = run(config, password=PASSWORD)
    assert made["changed"] and made["password_changed"]
    assert "present" not in made
    assert verifies(config, PASSWORD) and not verifies(config, "another")
    assert config.stat().st_mode & 0o777 == 0o600

    before = stored(config)
    kept = run(config, password=PASSWORD)
    assert not kept["changed"] and not kept["password_changed"]
    assert stored(config) == before

    assert run(config, "--check", password="another horse")["password_changed"]
    assert stored(config) == before
    assert run(config, password="another horse")["changed"]
    assert verifies(config, "another horse") and not verifies(config, PASSWORD)


def test_no_hash_is_shown_by_the_connection_that_shows_what_it_gets(
    config: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """The SSH connection does so with -vvv; in place of ssh, a script runs here what is to be run there."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor command; do :; done\nexec sh -c "$command"\n')
    ssh.chmod(0o700)
    over_ssh = {
        "ansible_connection": "ssh",
        "ansible_ssh_executable": str(ssh),
        "ansible_ssh_retries": 0,
        "ansible_pipelining": True,
    }
    for password in (PASSWORD, PASSWORD, "another horse"):
        before = stored(config) if config.exists() else ""
        result = run(config, "-vvv", variables=over_ssh, password=password)
        assert result["password_changed"] == (stored(config) != before)
    assert verifies(config, "another horse")


def test_other_settings(config: pathlib.Path) -> None:
    config.parent.mkdir()
    config.write_text('{"ServerApp": {"port": 1}, "PasswordIdentityProvider": {"password_required": true}}')
    run(config, password=PASSWORD)
    written = json.loads(config.read_text())
    assert written["ServerApp"] == {"port": 1} and written["PasswordIdentityProvider"]["password_required"] is True

    hashed = stored(config)
    changed = run(config, password=PASSWORD, settings={"ServerApp": {"port": 2}})
    assert changed["changed"] and not changed["password_changed"]
    assert json.loads(config.read_text()) == module.with_hash({"ServerApp": {"port": 2}}, hashed)
    assert not run(config, password=PASSWORD, settings={"ServerApp": {"port": 2}})["changed"]

    config.chmod(0o644)
    assert run(config, password=PASSWORD)["changed"]
    assert config.stat().st_mode & 0o777 == 0o600


def test_faults_are_named(config: pathlib.Path) -> None:
    assert "password: give either" in run(config, password="")["msg"]
    config.parent.mkdir()
    config.write_text("[]")
    refused = run(config, password=PASSWORD)
    assert str(config) in refused["msg"] and "no JSON object" in refused["msg"]
    assert config.read_text() == "[]"


@pytest.mark.parametrize(
    "damaged",
    [
        "{",
        "\xff",
        "[" * 100_000,
        '{"PasswordIdentityProvider": []}',
        '{"PasswordIdentityProvider": {"hashed_password": 5}}',
    ],
    ids=["half", "no-utf-8", "deep", "section", "hash"],
)
def test_a_damaged_file_is_replaced_where_all_of_it_is_given(config: pathlib.Path, damaged: str) -> None:
    config.parent.mkdir()
    config.write_text(damaged, encoding="latin-1")
    assert "Mend or remove the file" in run(config, password=PASSWORD)["msg"]
    assert run(config, "--check", password=PASSWORD, settings={"ServerApp": {"port": 2}})["changed"]
    assert config.read_text(encoding="latin-1") == damaged
    assert run(config, password=PASSWORD, settings={"ServerApp": {"port": 2}})["password_changed"]
    assert verifies(config, PASSWORD)


@pytest.mark.parametrize(
    "damaged", ["", "sha1:salt:hash", "argon2:", "argon2:$argon2id$", "argon2:$argon2id$v=19$m=1,t=1,p=1$x$y"]
)
def test_what_is_no_argon2_hash_does_not_fit(damaged: str) -> None:
    assert not action.fits(PASSWORD, damaged)


@pytest.mark.parametrize("cost", ["m=8388608,t=10,p=8", "m=10240,t=4294967295,p=8", "m=10240,t=10,p=255"])
def test_a_hash_that_costs_more_than_jupyters_is_not_computed(cost: str) -> None:
    """The file is the student's, the time and the memory would be the operator's."""
    costly = re.sub(r"m=\d+,t=\d+,p=\d+", cost, action.make_hash(PASSWORD))
    assert cost in costly
    assert not action.fits(PASSWORD, costly)


@settings(max_examples=5, deadline=None)
@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_any_password_fits_its_own_hash_only(password: str) -> None:
    hashed = action.make_hash(password)
    assert action.fits(password, hashed)
    assert not action.fits(password + "x", hashed)
    assert hashed != action.make_hash(password)
