# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Squid is told: who may reach what through it, and that nobody reaches this machine itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# "host:port", or ".domain:port" for the domain and all that is below it
DESTINATION = re.compile(r"(?P<host>\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*):(?P<port>[0-9]{1,5})")
# They become words of the configuration, and the login part of a URL
LOGIN = re.compile(r"[A-Za-z0-9._-]+")
OWN_NETWORKS = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "::/128", "::1/128", "fe80::/10")

SETTINGS = """\
http_port 127.0.0.1:{port}
visible_hostname coursevm
pid_filename none
coredump_dir none
cache deny all
cache_mem 0
memory_pools off
pinger_enable off
netdb_filename none
shutdown_lifetime 0 seconds
max_filedescriptors 8192
forwarded_for delete
httpd_suppress_version_string on
cache_log {directory}/squid.log
logfile_rotate 0
logformat coursevm %#un %>rd:%>rP %Ss %err_code
access_log stdio:{directory}/requests logformat=coursevm
buffered_logs off
auth_param basic program {helpers}/basic_ncsa_auth {directory}/passwords
auth_param basic children 4 startup=1 idle=1
auth_param basic realm coursevm
acl known proxy_auth REQUIRED
acl here dst {own}
http_access deny !known
http_access deny here
"""


@dataclass(frozen=True)
class Client:
    """Somebody who may use the proxy, and the destinations that are allowed then."""

    login: str
    destinations: tuple[str, ...]


def mistakes(clients: Iterable[Client]) -> list[str]:
    """Return what is wrong with the clients, in words."""
    wrong = []
    for client in clients:
        if not LOGIN.fullmatch(client.login):
            wrong.append(f"login: {client.login!r} has other characters than letters, digits, dots, _ and -")
        wrong += [
            f"destinations: {destination!r} of {client.login} is not host:port or .domain:port"
            for destination in client.destinations
            if not DESTINATION.fullmatch(destination) or int(destination.rpartition(":")[2]) > 65535
        ]
    return wrong


def without_covered(hosts: Iterable[str]) -> list[str]:
    """Return the hosts in lower case, without those below a domain that is listed: Squid refuses to start with both."""
    wanted = {host.lower() for host in hosts}
    domains = {host for host in wanted if host.startswith(".")}

    def is_covered(host: str) -> bool:
        labels = host.lstrip(".").split(".")
        above = {"." + ".".join(labels[start:]) for start in range(len(labels))}
        return bool((above - {host}) & domains)

    return sorted(host for host in wanted if not is_covered(host))


def rules(clients: Iterable[Client]) -> list[str]:
    """Return the lines that allow each client its own destinations, and refuse the rest."""
    logins: dict[tuple[str, ...], list[str]] = {}
    for client in clients:
        logins.setdefault(tuple(sorted(set(client.destinations))), []).append(client.login)
    lines = []
    for number, (destinations, sharing) in enumerate(sorted(logins.items())):
        hosts: dict[str, list[str]] = {}
        for destination in destinations:
            host, _, port = destination.rpartition(":")
            hosts.setdefault(port, []).append(host)
        lines += [f"acl clients{number} proxy_auth {login}" for login in sorted(sharing)]
        for port, listed in sorted(hosts.items()):
            # -n: an address is not looked up in the DNS, where its owner could give it any name
            lines += [f"acl hosts{number}_{port} dstdomain -n {host}" for host in without_covered(listed)]
            lines += [
                f"acl port{number}_{port} port {port}",
                f"http_access allow clients{number} port{number}_{port} hosts{number}_{port}",
            ]
    return [*lines, "http_access deny all"]


def configuration(port: int, directory: str, helpers: str, own: Iterable[str], clients: Iterable[Client]) -> str:
    """Return the text of squid.conf. ``own`` are this machine's addresses; a name counts by all it resolves to."""
    settings = SETTINGS.format(
        port=port, directory=directory, helpers=helpers, own=" ".join([*OWN_NETWORKS, *sorted(own)])
    )
    return settings + "\n".join(rules(clients)) + "\n"
