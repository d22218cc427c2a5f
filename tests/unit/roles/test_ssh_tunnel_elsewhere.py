"""The script that keeps what leads to the control machine itself off the tunnel's list."""

from __future__ import annotations

import importlib.util
import pathlib
import socket

import pytest

FILE = pathlib.Path(__file__).parents[3] / "roles" / "ssh_tunnel" / "files" / "elsewhere.py"
SPEC = importlib.util.spec_from_file_location("elsewhere", FILE)
elsewhere = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(elsewhere)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.8.7", "0.0.0.0", "169.254.169.254", "::1", "::", "::ffff:127.0.0.1", "fe80::1%lo"],
)
def test_addresses_of_every_machine(address):
    assert elsewhere.is_own(address)


def test_addresses_of_another_machine():
    # Set aside for documentation (RFC 5737, RFC 3849)
    assert not elsewhere.is_own("198.51.100.7")
    assert not elsewhere.is_own("2001:db8::7")


def test_the_address_of_an_interface():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.7", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback ones")
        assert elsewhere.is_own(probe.getsockname()[0])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:7f00:1]", "0"])
def test_every_way_to_write_this_machine(host):
    assert elsewhere.elsewhere([f"{host}:80"]) == []


def test_what_resolves_to_nothing_is_left_out_and_another_machine_is_not():
    # RFC 6761: no such name is ever resolved
    assert elsewhere.elsewhere(["nowhere.invalid:80", "198.51.100.7:80", "[2001:db8::7]:443"]) == [
        "198.51.100.7:80",
        "[2001:db8::7]:443",
    ]


def test_a_name_counts_by_all_its_addresses(monkeypatch):
    def resolve(host, port, **_):
        return [(None, None, None, "", (address, port)) for address in ("198.51.100.7", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert elsewhere.elsewhere(["both.example:80"]) == []
