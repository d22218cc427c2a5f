"""The script that learns which package sources a host uses."""

from __future__ import annotations

import ast
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

FILE = pathlib.Path(__file__).parents[3] / "roles" / "ssh_tunnel" / "files" / "destinations.py"
SPEC = importlib.util.spec_from_file_location("destinations", FILE)
destinations = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(destinations)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://deb.example/debian", "deb.example:80"),
        ("https://pypi.example/simple/", "pypi.example:443"),
        ("https://user:secret@index.example:8443/simple", "index.example:8443"),
        ("http://[2001:db8::1]/debian", "[2001:db8::1]:80"),
        ("HTTP://Deb.Example/", "deb.example:80"),
        ("file:///srv/mirror", None),
        ("cdrom:[Debian]/", None),
        ("http:///nowhere", None),
    ],
)
def test_destination(url: str, expected: str | None) -> None:
    assert destinations.destination(url) == expected


def test_each_once_and_unknown_stays_unknown() -> None:
    assert destinations.destinations(["http://a.example/x", "http://a.example/y", "file:/z"]) == ["a.example:80"]
    assert destinations.destinations(None) is None


CONFIGURATIONS = {
    "nothing": ({}, {}),
    "global": ({"xdg/pip/pip.conf": "[global]\nindex-url = https://a.example/simple\n"}, {}),
    "user before global": (
        {
            "xdg/pip/pip.conf": "[global]\nindex-url = https://a.example/simple\n",
            "home/.config/pip/pip.conf": "[global]\nindex_url = https://b.example/simple\n",
        },
        {},
    ),
    "new user file before the old": (
        {
            "home/.pip/pip.conf": "[global]\nindex-url = https://a.example/simple\n",
            "home/.config/pip/pip.conf": "[global]\nextra-index-url =\n  https://b.example/\n  https://c.example/\n",
        },
        {},
    ),
    "environment before files": (
        {"home/.config/pip/pip.conf": "[install]\nindex-url = https://b.example/simple\n"},
        {"PIP_INDEX_URL": "https://c.example/simple"},
    ),
    "chosen file instead of the user's": (
        {
            "chosen.conf": "[global]\nindex-url = https://d.example/simple\n",
            "home/.config/pip/pip.conf": "[global]\nextra-index-url = https://b.example/simple\n",
        },
        {"PIP_CONFIG_FILE": "{root}/chosen.conf"},
    ),
    "no file at all": (
        {"xdg/pip/pip.conf": "[global]\nindex-url = https://a.example/simple\n"},
        {"PIP_CONFIG_FILE": os.devnull},
    ),
    "two directories": (
        {
            "xdg/pip/pip.conf": "[global]\nindex-url = https://a.example/simple\n",
            "more/pip/pip.conf": "[global]\nindex-url = https://b.example/simple\n",
        },
        {"XDG_CONFIG_DIRS": "{root}/more:{root}/xdg"},
    ),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_pip_settings_are_those_that_pip_itself_reads(name, tmp_path, monkeypatch) -> None:
    files, variables = CONFIGURATIONS[name]
    for path, text in files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for variable in [*filter(lambda key: key.startswith("PIP_"), os.environ), "XDG_CONFIG_HOME"]:
        monkeypatch.delenv(variable, raising=False)
    variables = {"HOME": "{root}/home", "XDG_CONFIG_DIRS": "{root}/xdg", **variables}
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value.format(root=tmp_path))
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    by_pip = {}
    # pip lists what counts most last
    for line in sorted(listed.splitlines(), key=lambda line: (line.startswith(":env:"), line.startswith("install."))):
        option, _, value = line.partition("=")
        by_pip[option.rpartition(".")[2]] = ast.literal_eval(value)
    settings = destinations.pip_settings()
    assert [settings.get(option) for option in destinations.PIP_OPTIONS] == [
        by_pip.get(option) for option in destinations.PIP_OPTIONS
    ]
