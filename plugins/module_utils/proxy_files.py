# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that tell a Debian or Ubuntu host of a proxy. Pure: settings in, files out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

MARK = "# Managed by ouseful.coursevm.site_proxy"
EVERYONE = "*"
APT = "/etc/apt/apt.conf.d/90site-proxy"
APT_SECRET = "/etc/apt/auth.conf.d/90site-proxy.conf"
PIP = "/etc/pip.conf"
PIP_SECRET = "/root/.config/pip/pip.conf"
PROFILE = "/etc/profile.d/site-proxy.sh"
ENVIRONMENTS = "/etc/coursevm/site-proxy"
SERVICE = "/etc/coursevm/site-proxy.env"
DROP_IN = "/etc/systemd/system/{}.service.d/site-proxy.conf"


class ProxyError(Exception):
    """A setting that can't be used; says which and why."""


@dataclass(frozen=True)
class Proxy:
    """A proxy, who is told of it, and what is reached without it."""

    url: str
    username: str = ""
    password: str = ""
    no_proxy: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
            raise ProxyError(f"url: {self.url.rpartition('@')[2]} is not http://host:port")
        if parts.username is not None:
            raise ProxyError("url: give the login as username and password; the URL may be read by anyone")
        if bool(self.username) != bool(self.password):
            raise ProxyError("username, password: one is missing")
        if re.search(r"\s", self.username + self.password):
            raise ProxyError("username, password: apt knows no white space in them")
        if self.password and EVERYONE in self.users:
            raise ProxyError(f"users: {EVERYONE} would let everyone read the password; name the users")

    @property
    def place(self) -> str:
        """``http://host:port``."""
        return self.url.rstrip("/")

    @property
    def full_url(self) -> str:
        """The URL with the login, if there is one."""
        if not self.password:
            return self.place
        login = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return self.place.replace("://", f"://{login}@", 1)


@dataclass(frozen=True)
class File:
    """A file as it should be."""

    path: str
    content: str
    owner: str = "root"
    mode: int = 0o644

    @property
    def is_secret(self) -> bool:
        """Whether its content is for its owner only."""
        return not self.mode & 0o077


def environment(proxy: Proxy) -> str:
    """The variables, as a shell and as systemd read them."""
    return f"{MARK}\n" + "".join(
        f'{name}="{value}"\n'
        for name, value in (
            ("http_proxy", proxy.full_url),
            ("https_proxy", proxy.full_url),
            ("no_proxy", ",".join(proxy.no_proxy)),
        )
    )


def apt_configuration(proxy: Proxy) -> str:
    """Apt's configuration. It compares names as they are: domains, networks and IPv6 addresses can't be said to it."""
    direct = [host for host in proxy.no_proxy if re.fullmatch(r"\w[\w.-]*", host, re.ASCII)]
    lines = [MARK]
    for scheme in ("http", "https"):
        lines.append(f'Acquire::{scheme}::Proxy "{proxy.place}";')
        lines += [f'Acquire::{scheme}::Proxy::{host} "DIRECT";' for host in direct]
    return "".join(f"{line}\n" for line in lines)


def files(proxy: Proxy) -> list[File]:
    """All files but pip's, which may hold what others wrote."""
    wanted = [File(APT, apt_configuration(proxy))]
    if proxy.password:
        login = f"machine {proxy.place} login {proxy.username} password {proxy.password}\n"
        wanted.append(File(APT_SECRET, f"{MARK}\n{login}", mode=0o600))
    for user in proxy.users:
        if user == EVERYONE:
            wanted.append(File(f"{ENVIRONMENTS}/everyone", environment(proxy)))
        else:
            wanted.append(File(f"{ENVIRONMENTS}/user-{user}", environment(proxy), owner=user, mode=0o400))
    if proxy.users:
        wanted.append(File(PROFILE, PROFILE_SCRIPT))
    if proxy.services:
        wanted.append(File(SERVICE, environment(proxy), mode=0o600))
    drop_in = f"{MARK}\n[Service]\nEnvironmentFile={SERVICE}\n"
    wanted += [File(DROP_IN.format(service), drop_in) for service in proxy.services]
    return wanted


def pip_configuration(path: str, text: str, proxy: Proxy | None) -> str:
    """Return pip's configuration with the proxy, or without it; what others wrote in it stays."""
    lines = re.sub(rf"^{MARK}\nproxy = .*\n", "", text, flags=re.MULTILINE).splitlines(keepends=True)
    if proxy and path == (PIP_SECRET if proxy.password else PIP):
        section, place = "", None
        for number, line in enumerate(lines):
            header = re.match(r"\[(.+)\]", line)
            section = header.group(1) if header else section
            if header and section == "global":
                place = number
            elif section == "global" and re.match(r"proxy\s*[=:]", line):
                raise ProxyError(f"{path} names a proxy already, which this module didn't write; remove it")
        if place is None:
            place = 0
            lines.insert(place, "[global]")
        lines[place] = f"{lines[place].rstrip()}\n{MARK}\nproxy = {proxy.full_url}\n"
    rest = "".join(lines)
    return "" if rest == "[global]\n" and rest != text else rest


PROFILE_SCRIPT = f"""{MARK}
for coursevm_file in "{ENVIRONMENTS}/everyone" "{ENVIRONMENTS}/user-$(id -un)"; do
  if [ -r "$coursevm_file" ]; then
    set -a
    . "$coursevm_file"
    set +a
  fi
done
unset coursevm_file
"""
