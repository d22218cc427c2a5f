"""Parts of a slow package, each looked at in a Python of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COLLECTIONS = Path(__file__).parents[4] / ".ansible" / "collections"
UTILS = "ansible_collections.ouseful.coursevm.plugins.module_utils"
LAZILY = f"from {UTILS}.lazily import lazily; lazily('slow', runs_for={{'heavy'}})"


@pytest.fixture
def python(tmp_path):
    """A function that runs lines of Python where there is a package ``slow``; returns what they print."""
    package = tmp_path / "slow"
    package.mkdir()
    (package / "__init__.py").write_text("print('init'); import slow.heavy; answer = 42; from slow import light")
    (package / "heavy.py").write_text("from slow import light; print('heavy')")
    (package / "light.py").write_text("print('light'); value = 1")

    def run(*lines):
        command = [sys.executable, "-c", "\n".join(lines)]
        environment = {"PYTHONPATH": f"{COLLECTIONS}:{tmp_path}"}
        return subprocess.check_output(command, env=environment, text=True, stderr=subprocess.STDOUT).split()

    return run


@pytest.mark.parametrize("line", ["import slow.light", "from slow.light import value", "from slow import light"])
def test_a_part_comes_without_the_rest(python, line):
    assert python(LAZILY, line) == ["light"]


@pytest.mark.parametrize("line", ["slow.answer", "slow.heavy", "from slow import answer"])
def test_who_wants_more_gets_all_of_it_once(python, line):
    everything = python(LAZILY, "import slow", line, "print(slow.answer, slow.heavy.light.value, slow.light.value)")
    assert everything == ["init", "light", "heavy", "42", "1", "1"]


def test_a_part_first_and_all_of_it_then(python):
    assert python(LAZILY, "import slow.light", "print(slow.answer)") == ["light", "init", "heavy", "42"]


def test_what_is_imported_already_stays(python):
    assert python("import slow", LAZILY, "print(slow.answer)") == ["init", "light", "heavy", "42"]


def test_a_package_that_is_not_there_is_missed_as_always(python):
    missed = (
        "from {UTILS}.lazily import lazily\ntry: lazily('none', ())\nexcept ImportError as error: print(error.name)"
    )
    assert python(missed.format(UTILS=UTILS)) == ["none"]


def test_an_unknown_name_is_refused_as_always(python):
    lines = (LAZILY, "import slow", "try: slow.nothing", "except AttributeError: print('refused')")
    assert python(*lines)[-1] == "refused"


def test_modules_start_without_the_clients_of_all_services(python):
    loaded = "import sys; print(*(name for name in sys.modules if name.startswith('openstack.')))"
    ours = f"import {UTILS}.cloud as cloud; assert cloud.IMPORT_ERROR is None, cloud.IMPORT_ERROR"
    names = python(ours, loaded)
    assert "openstack.config.loader" in names
    assert "openstack.connection" not in names
    whole = python(
        ours, "import openstack; print(openstack.connect.__name__, openstack.connection.Connection.__name__)"
    )
    assert whole == ["connect", "Connection"]
