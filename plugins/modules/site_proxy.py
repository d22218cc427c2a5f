#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proxy of a site: apt, pip, users and services of a host are told of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_proxy
short_description: Tells apt, pip, users and services of the proxy that the site has
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Writes the files that make apt, pip, login shells and services use a permanent HTTP proxy, and removes those of them
    that are no longer wanted.
  - A login is written to files only that their owner may read. The rest of C(pip.conf) is left as it is.
  - A service whose proxy has changed since it was started is restarted if it runs, also when the run that changed it
    was interrupted.
options:
  url:
    description: C(http://host:port) of the proxy, without a login. Empty removes all that this module has written.
    type: str
    default: ""
  username:
    description: Name at the proxy.
    type: str
    default: ""
  password:
    description: Password at the proxy.
    type: str
    default: ""
  no_proxy:
    description:
      - Hosts that are reached without the proxy, by those who have it from their environment.
      - apt takes host names and IPv4 addresses of them. pip knows no exception to the proxy of a C(pip.conf).
    type: list
    elements: str
    default: [localhost, 127.0.0.1, "::1"]
  users:
    description: Users whose login shells have the proxy in their environment. V(*) for all, but not with a password.
    type: list
    elements: str
    default: ["*"]
  services:
    description: Names of systemd services, without V(.service), that have the proxy in their environment.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Predicts what would be done.
    support: full
  diff_mode:
    description: Shows the files, apart from secret ones.
    support: full
"""

EXAMPLES = r"""
- name: Use the university's proxy
  ouseful.coursevm.site_proxy:
    url: http://proxy.example.ac.uk:3128
    users: [oustudent]
    services: [jupyter]
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: [write /etc/apt/apt.conf.d/90site-proxy, restart jupyter.service]
"""

import glob
import os
import pwd
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils.changes import Done, read, write
from ansible_collections.ouseful.coursevm.plugins.module_utils.proxy_files import (
    APT,
    APT_SECRET,
    DROP_IN,
    ENVIRONMENTS,
    EVERYONE,
    MARK,
    PIP,
    PIP_SECRET,
    PROFILE,
    SERVICE,
    File,
    Proxy,
    ProxyError,
    files,
    pip_configuration,
)
from ansible_collections.ouseful.coursevm.plugins.module_utils.services import is_newer, properties

ARGUMENTS = {
    "url": {"type": "str", "default": ""},
    "username": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
    "no_proxy": {"type": "list", "elements": "str", "default": ["localhost", "127.0.0.1", "::1"]},
    "users": {"type": "list", "elements": "str", "default": [EVERYONE]},
    "services": {"type": "list", "elements": "str", "default": []},
}
STARTED = "ActiveEnterTimestampMonotonic"


class SiteProxy:
    """What this host knows of the proxy, and what there is to do about it."""

    def __init__(self, module: AnsibleModule, proxy: Proxy | None) -> None:
        self.module = module
        self.proxy = proxy
        self.done = Done()

    def ensure(self) -> None:
        """Do, or in check mode predict, all there is to do."""
        wanted = files(self.proxy) if self.proxy else []
        for path in (PIP, PIP_SECRET):
            before = read(path) or ""
            text = pip_configuration(path, before, self.proxy)
            if text and (text != before or MARK in text):
                wanted.append(File(path, text, mode=0o600 if path == PIP_SECRET else 0o644))
            elif before and not text:
                self._remove(path)
        for user in self.proxy.users if self.proxy else ():
            self._check_user(user)
        present = [APT, APT_SECRET, PROFILE, SERVICE, *glob.glob(f"{ENVIRONMENTS}/*"), *glob.glob(DROP_IN.format("*"))]
        unwanted = {path for path in present if os.path.exists(path)} - {file.path for file in wanted}
        services = {self._service(path) for path in unwanted | {file.path for file in wanted}} - {""}
        moved = {self._service(file.path) for file in wanted if self._write(file)}
        # Those that a service reads go after its restart: until then they are what is known of it
        read_by_services = sorted(path for path in unwanted if path == SERVICE or self._service(path))
        moved |= {self._service(path) for path in read_by_services if self._silence(path)}
        for path in sorted(unwanted.difference(read_by_services)):
            self._remove(path)
        self._restart(services, moved - {""})
        for path in read_by_services:
            self._remove(path)
        if read_by_services:
            self._systemctl("daemon-reload")

    @staticmethod
    def _service(path: str) -> str:
        """The service whose drop-in that is; empty when it is none."""
        before, after = DROP_IN.split("{}")
        return path.removeprefix(before).removesuffix(after) if path.startswith(before) and path.endswith(after) else ""

    def _check_user(self, user: str) -> None:
        try:
            # In check mode, a role before this one may have only said that it would make the user
            if user != EVERYONE and not self.module.check_mode:
                pwd.getpwnam(user)
        except KeyError:
            raise ProxyError(f"users: this host has no user {user}") from None

    def _write(self, file: File) -> bool:
        """Write a file, unless it is as it should be; whether it was not."""
        arguments = {"path": file.path, "owner": file.owner, "mode": f"{file.mode:o}", "group": "root"}
        differs = read(file.path) != file.content
        if differs:
            self.done.replace(file.path, file.content, secret=file.is_secret)
            if not self.module.check_mode:
                os.makedirs(os.path.dirname(file.path), mode=0o755, exist_ok=True)
                write(file.path, file.content, file.mode)
        if os.path.exists(file.path):
            attributes = self.module.load_file_common_arguments(arguments)
            if self.module.set_fs_attributes_if_different(attributes, False) and not differs:
                self.done.note(f"set owner and mode of {file.path}")
        return differs

    def _silence(self, path: str) -> bool:
        """Have a service's drop-in that is to go say nothing any more; whether it said something."""
        says = bool(self._service(path)) and read(path) != f"{MARK}\n"
        if says and not self.module.check_mode:
            write(path, f"{MARK}\n")
        return says

    def _remove(self, path: str) -> None:
        self.done.note(f"remove {path}")
        if self.module.check_mode:
            return
        os.remove(path)
        if path.startswith("/etc/coursevm/") or path.endswith("/site-proxy.conf"):
            try:
                os.removedirs(os.path.dirname(path))
            except OSError:
                return

    def _restart(self, services: set[str], moved: set[str]) -> None:
        """Restart the services that run with another proxy than they should."""
        names = ("ActiveState", STARTED, "NeedDaemonReload", "DropInPaths")
        seen = {service: properties(self.module, f"{service}.service", names) for service in sorted(services)}
        unread = {service for service, its in seen.items() if self._is_unread(service, its)}
        if unread - moved:
            self.done.note("reload systemd")
        if unread | moved:
            self._systemctl("daemon-reload")
        for service, its in seen.items():
            newer = is_newer((SERVICE, DROP_IN.format(service)), its[STARTED])
            written = f"write {SERVICE}" in self.done.actions
            if its["ActiveState"] == "active" and (newer or written or service in moved):
                self.done.note(f"restart {service}.service")
                self._systemctl("try-restart", f"{service}.service")

    @staticmethod
    def _is_unread(service: str, its: dict[str, str]) -> bool:
        """Whether systemd knows another drop-in than there is. By itself it doesn't see one in a new directory."""
        path = DROP_IN.format(service)
        return its["NeedDaemonReload"] == "yes" or (path in its["DropInPaths"].split()) != os.path.exists(path)

    def _systemctl(self, *words: str) -> None:
        if not self.module.check_mode:
            self.module.run_command(["systemctl", *words], check_rc=True)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given: dict[str, Any] = module.params
    os.umask(0o022)
    try:
        settings = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        site = SiteProxy(module, Proxy(**settings) if given["url"] else None)
        site.ensure()
    except ProxyError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**site.done.result())


if __name__ == "__main__":
    main()
