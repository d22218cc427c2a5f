#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print, as JSON, those of the given destinations ("host:port") that lead away from this machine.

Runs on the control machine. A name, or an unusual way to write an address (2130706433, 0x7f.1), counts by what it
resolves to; one that resolves to nothing is left out.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import sys


def is_own(address: str) -> bool:
    """Whether an IP address is this machine's: loopback, link-local, or one of its interfaces'."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_loopback or ip.is_link_local or ip.is_unspecified:
        return True
    # The source address for packets to oneself is the destination; nothing is sent
    with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(ip), 9))
        except OSError:
            return False
        return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == ip


def addresses(destination: str) -> set[str]:
    """Return the addresses to which the host of a destination resolves."""
    host, _, port = destination.rpartition(":")
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)}
    except (OSError, OverflowError):
        return set()


def elsewhere(destinations: list[str]) -> list[str]:
    """Return the destinations all of whose addresses are another machine's."""
    return [
        destination
        for destination in destinations
        if (found := addresses(destination)) and not any(is_own(address) for address in found)
    ]


if __name__ == "__main__":
    print(json.dumps(elsewhere(sys.argv[1:])))
