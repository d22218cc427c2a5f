"""The script that learns which package sources a host uses."""

from __future__ import annotations

import importlib.util
import pathlib

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
