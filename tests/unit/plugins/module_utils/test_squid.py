"""What Squid is told. The scenario notebook_egress asks a real one."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.squid import (
    Client,
    configuration,
    mistakes,
    rules,
    without_covered,
)


@pytest.mark.parametrize(
    ("hosts", "kept"),
    [
        (["a.example", "b.example"], ["a.example", "b.example"]),
        ([".example", "a.example"], [".example"]),
        ([".example", "example"], [".example"]),
        ([".example", ".a.example"], [".example"]),
        ([".a.example", "b.example", "ba.example"], [".a.example", "b.example", "ba.example"]),
        (["A.example", "a.Example"], ["a.example"]),
    ],
)
def test_hosts_below_a_listed_domain_are_left_out(hosts, kept):
    assert without_covered(hosts) == kept


@pytest.mark.parametrize(
    "destination",
    [
        "a.example",
        "a.example:",
        ":80",
        "a.example:70000",
        "*.example:443",
        "a.example:443 all",
        "a..example:1",
        "a:1\nb",
    ],
)
def test_a_destination_that_is_none(destination):
    assert len(mistakes([Client("ada", (destination,))])) == 1


@pytest.mark.parametrize("login", ["", "a b", "a:b", "a\n", 'a"'])
def test_a_login_that_is_none(login):
    assert len(mistakes([Client(login, ("a.example:443",))])) == 1


def test_no_mistake():
    assert mistakes([Client("vm-1.ada", ("a.example:443", ".b.example:80", "192.0.2.1:8080"))]) == []


def test_clients_with_the_same_list_share_rules():
    several = [Client("b", ("x.example:443", "y.example:443")), Client("a", ("y.example:443", "x.example:443"))]
    assert rules(several) == [
        "acl clients0 proxy_auth a",
        "acl clients0 proxy_auth b",
        "acl hosts0_443 dstdomain -n x.example",
        "acl hosts0_443 dstdomain -n y.example",
        "acl port0_443 port 443",
        "http_access allow clients0 port0_443 hosts0_443",
        "http_access deny all",
    ]


@pytest.mark.skipif(not shutil.which("squid", path="/usr/sbin:/usr/bin"), reason="Squid is not installed")
def test_squid_understands_it(tmp_path):
    clients = [Client("a", (".x.example:443", "a.x.example:443")), Client("b", ("x.example:80",))]
    (tmp_path / "squid.conf").write_text(configuration(3129, str(tmp_path), "/usr/lib/squid", ["192.0.2.1"], clients))
    squid = shutil.which("squid", path="/usr/sbin:/usr/bin")
    parsed = subprocess.run(
        [squid, "-k", "parse", "-f", tmp_path / "squid.conf"], capture_output=True, text=True, check=True
    )
    assert not [line for line in parsed.stderr.splitlines() if "WARNING" in line or "ERROR" in line]
