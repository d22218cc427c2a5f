"""The files that tell a host of a proxy. The scenario site_proxy asks apt, pip, a shell and a service."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils.proxy_files import (
    MARK,
    PIP,
    PIP_SECRET,
    Proxy,
    ProxyError,
    apt_configuration,
    files,
    pip_configuration,
)

OPEN = Proxy("http://proxy.example:3128", users=("*",))
CLOSED = Proxy("http://proxy.example:3128/", "ada", "p@ss:/word", users=("ada",), services=("jupyter",))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"url": "proxy.example:3128"}, "url"),
        ({"url": "https://proxy.example"}, "url"),
        ({"url": "http://proxy.example/path"}, "url"),
        ({"url": "http://ada:secret@proxy.example"}, "url"),
        ({"url": "http://proxy.example", "username": "ada"}, "username, password"),
        ({"url": "http://proxy.example", "username": "ada", "password": "a b"}, "username, password"),
        ({"url": "http://proxy.example", "username": "ada", "password": "secret", "users": ("*",)}, "users"),
    ],
)
def test_what_is_refused_names_the_field_and_no_secret(arguments, field):
    with pytest.raises(ProxyError, match=f"^{field}: ") as error:
        Proxy(**arguments)
    assert "secret" not in str(error.value)


def test_only_secret_files_have_the_password():
    for file in files(CLOSED):
        assert file.is_secret or "word" not in file.content
    assert any("p%40ss%3A%2Fword" in file.content for file in files(CLOSED))


def test_without_a_password_nothing_is_secret():
    assert not any(file.is_secret for file in files(OPEN))


def test_apt_is_told_of_the_hosts_that_it_can_be_told_of():
    no_proxy = ("mirror.example", "127.0.0.1", ".example.org", "10.0.0.0/8", "::1", "host:80", "*")
    content = apt_configuration(Proxy("http://proxy.example:3128", no_proxy=no_proxy))
    assert content.splitlines()[1:] == [
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::http::Proxy::mirror.example "DIRECT";',
        'Acquire::http::Proxy::127.0.0.1 "DIRECT";',
        'Acquire::https::Proxy "http://proxy.example:3128";',
        'Acquire::https::Proxy::mirror.example "DIRECT";',
        'Acquire::https::Proxy::127.0.0.1 "DIRECT";',
    ]


def parsed(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


@pytest.mark.parametrize(
    "before",
    [
        "",
        "[global]\nindex-url = https://index.example\n",
        "[install]\nno-cache-dir = true\n\n[global]\ncert = /ca\n",
        "[install]\r\nno-cache-dir = true\r\n[global]\r\ncert = /ca\r\n",
        "[global]",
    ],
)
def test_pip_gets_the_proxy_and_keeps_the_rest(before):
    after = pip_configuration(PIP, before, OPEN)
    assert parsed(after)["global"] == parsed(before).get("global", {}) | {"proxy": "http://proxy.example:3128"}
    assert {**parsed(after), "global": None} == {**parsed(before), "global": None}
    assert pip_configuration(PIP, after, OPEN) == after


def test_a_password_goes_where_only_root_reads():
    assert pip_configuration(PIP, pip_configuration(PIP, "", OPEN), CLOSED) == ""
    assert "p%40ss" in pip_configuration(PIP_SECRET, "", CLOSED)
    assert pip_configuration(PIP_SECRET, "", OPEN) == ""


def test_a_proxy_of_somebody_else():
    with pytest.raises(ProxyError, match=PIP):
        pip_configuration(PIP, "[global]\nproxy = http://other.example\n", OPEN)
    assert pip_configuration(PIP, "[global]\nproxy = http://other.example\n", None).count("other") == 1


LINES = st.lists(st.sampled_from(["[global]", "[install]", "index-url = a", "cert = b", "", "# note"]), unique=True)


@given(LINES)
def test_taking_it_away_leaves_what_was_there(lines):
    before = "".join(f"{line}\n" for line in lines)
    after = pip_configuration(PIP, pip_configuration(PIP, before, OPEN), None)
    assert MARK not in after
    # An empty section may have been added or, alone in the file, taken away
    assert after.replace("[global]\n", "") == before.replace("[global]\n", "")
