#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks a running Jupyter server what a student's browser would ask it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_probe
short_description: Asks a running Jupyter from outside, as a student's browser would
description:
  - Opens the login page, tries a wrong password and the right one, and runs code in a kernel over the web socket;
    tries what must be refused to a visitor who has not logged in; tries the ports that must be closed.
  - Waits for a server that is still starting, and when the login is throttled, until O(timeout).
  - Changes nothing. The kernel is one of its own and deleted afterwards.
  - Fails when a check fails, and says which and why. Needs nothing on the server; run it on the control machine.
version_added: 0.1.0
author: The ouseful.coursevm contributors (@ouseful)
requirements:
  - requests
  - websocket-client
options:
  url:
    description: The base URL of the Jupyter server, as the student is given it.
    type: str
    required: true
  password:
    description: The student's password.
    type: str
    required: true
  code:
    description: What the kernel is to run.
    type: str
    default: 6*7
  expect:
    description: What the code must print or evaluate to, but for white space around it. Not compared when not given.
    type: str
  kernel_name:
    description: The kernel that runs it; the server's default one when not given.
    type: str
    default: ""
  behind_login:
    description:
      - Paths below O(url), such as V(openrefine/), of what the server publishes for those who have logged in.
      - Each must be refused to a visitor who has not, and served to the student.
    type: list
    elements: str
    default: []
  served_by:
    description: The name that the answers must have in their C(Server) header; empty for any.
    type: str
    default: nginx
  closed_ports:
    description: TCP ports of the same host which must not accept a connection from here.
    type: list
    elements: int
    default: []
  timeout:
    description: Seconds for everything together, closed ports apart.
    type: int
    default: 120
  validate_certs:
    description: Whether the server's certificate must be valid, with an C(https) URL.
    type: bool
    default: true
  ca_path:
    description: The file of a CA to trust, for a certificate that no public one issued.
    type: path
attributes:
  check_mode:
    description: >-
      Nothing is asked, and the task is skipped: the real run would have set up the server before it gets here.
      Run the probe without check mode whenever you want; it changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Ask the VM as the student's browser would
  ouseful.coursevm.jupyter_probe:
    url: http://{{ ansible_host }}/
    password: "{{ jupyter_password }}"
    code: 6*7
    expect: "42"
    closed_ports: [8888]
    behind_login: [openrefine/]
  delegate_to: localhost

- name: Jupyter alone, without nginx before it
  ouseful.coursevm.jupyter_probe:
    url: http://localhost:8888/
    password: "{{ jupyter_password }}"
    served_by: ""
"""

RETURN = r"""
checks:
  description: What was tried, in this order. After one that the others need, the others are left out.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: >-
        V(login_page), V(api_closed), V(wrong_password_refused), V(password_accepted), V(kernel),
        V(<path>_refused), V(<path>_served), V(port_<number>_closed).
      type: str
    ok:
      description: Whether it is as it should be.
      type: bool
    detail:
      description: What was seen.
      type: str
  sample:
    - {name: kernel, ok: true, detail: "6*7 gives 42"}
output:
  description: What the code printed and evaluated to; empty when it did not run.
  returned: always
  type: str
  sample: "42"
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 3.4
"""

import secrets
import socket
import time
import typing as t
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.ouseful.coursevm.plugins.module_utils import jupyter_browser
from ansible_collections.ouseful.coursevm.plugins.module_utils.jupyter_browser import Browser, Deadline, ProbeError

# Seconds within which an open port would have answered.
PORT_TIMEOUT = 3


class Probe:
    """The checks, each with its result."""

    def __init__(self, params: dict[str, t.Any]):
        self._params = params
        self._deadline = Deadline(params["timeout"])
        self.checks: list[dict[str, t.Any]] = []
        self.output = ""

    def run(self) -> None:
        visitor, student = self._browser(), self._browser()
        if self._check("login_page", self._login_page, visitor):
            self._check("api_closed", self._api_closed, visitor)
            for path in self._params["behind_login"]:
                self._check(f"{path}_refused", self._path_refused, visitor, path)
            self._check("wrong_password_refused", self._wrong_password_refused, visitor)
            if self._check("password_accepted", self._password_accepted, student):
                self._check("kernel", self._kernel, student)
                for path in self._params["behind_login"]:
                    self._check(f"{path}_served", self._path_served, student, path)
        for port in self._params["closed_ports"]:
            self._check(f"port_{port}_closed", self._port_closed, port)

    def _browser(self) -> Browser:
        trusted = self._params["ca_path"] or True
        return Browser(self._params["url"], self._deadline, trusted if self._params["validate_certs"] else False)

    def _check(self, name: str, function: t.Callable[..., str], *arguments: t.Any) -> bool:
        try:
            result = {"ok": True, "detail": function(*arguments)}
        except ProbeError as error:
            result = {"ok": False, "detail": str(error)}
        self.checks.append({"name": name, **result})
        return result["ok"]

    def _login_page(self, visitor: Browser) -> str:
        page = visitor.login_page()
        server, wanted = page.headers.get("Server", ""), self._params["served_by"]
        found = f"{page.url} is served by {server or 'a server that does not tell its name'}"
        if not server.lower().startswith(wanted.lower()):
            raise ProbeError(f"{found}, not by {wanted}")
        return found

    def _api_closed(self, visitor: Browser) -> str:
        if visitor.may_use_the_api():
            raise ProbeError("the API lists the kernels without a login")
        return "the API is refused without a login"

    def _wrong_password_refused(self, visitor: Browser) -> str:
        answer = visitor.login(secrets.token_urlsafe(16))
        if visitor.may_use_the_api():
            raise ProbeError("a wrong password lets one in")
        return f"HTTP {answer.status_code}"

    def _password_accepted(self, student: Browser) -> str:
        answer = student.login(self._params["password"])
        if not student.may_use_the_api():
            raise ProbeError(f"the password is refused (HTTP {answer.status_code})")
        if answer.status_code != 200:
            raise ProbeError(f"after the login, {answer.url} answers HTTP {answer.status_code} {answer.reason}")
        return f"leads to {answer.url}"

    def _kernel(self, student: Browser) -> str:
        code, expected = self._params["code"], self._params["expect"]
        self.output = student.run(code, self._params["kernel_name"])
        if expected is not None and self.output.strip() != expected.strip():
            raise ProbeError(f"{code} gives {self.output.strip()!r} instead of {expected!r}")
        return f"{code} gives {self.output.strip()}"

    def _path_refused(self, visitor: Browser, path: str) -> str:
        if visitor.serves(path):
            raise ProbeError(f"{path} is served without a login")
        return f"{path} is refused without a login"

    def _path_served(self, student: Browser, path: str) -> str:
        if not student.serves(path, jupyter_browser.STARTING):
            raise ProbeError(f"{path} is refused after the login, too")
        return f"{path} is served after the login"

    def _port_closed(self, port: int) -> str:
        host = urlsplit(self._params["url"]).hostname
        try:
            socket.create_connection((host, port), PORT_TIMEOUT).close()
        except TimeoutError:
            return "no answer"
        except OSError as error:
            return error.strerror or str(error)
        mend = "close it in the security group, or let the service listen on loopback only"
        raise ProbeError(f"port {port} of {host} accepts connections; {mend}")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "code": {"type": "str", "default": "6*7"},
            "expect": {"type": "str"},
            "kernel_name": {"type": "str", "default": ""},
            "behind_login": {"type": "list", "elements": "str", "default": []},
            "served_by": {"type": "str", "default": "nginx"},
            "closed_ports": {"type": "list", "elements": "int", "default": []},
            "timeout": {"type": "int", "default": 120},
            "validate_certs": {"type": "bool", "default": True},
            "ca_path": {"type": "path"},
        },
    )
    if jupyter_browser.requests is None:
        module.fail_json(missing_required_lib("requests"), exception=jupyter_browser.REQUESTS_IMPORT_ERROR)
    if jupyter_browser.websocket is None:
        module.fail_json(missing_required_lib("websocket-client"), exception=jupyter_browser.WEBSOCKET_IMPORT_ERROR)
    parts = urlsplit(module.params["url"])
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        module.fail_json(
            f"url: {module.params['url']!r} is not a base URL; use e.g. http://192.0.2.7/ or https://host/jupyter/"
        )
    module.params["url"] = module.params["url"].rstrip("/") + "/"

    start = time.monotonic()
    probe = Probe(module.params)
    probe.run()
    result = {"checks": probe.checks, "output": probe.output, "seconds": round(time.monotonic() - start, 1)}
    failed = [f"{check['name']}: {check['detail']}" for check in probe.checks if not check["ok"]]
    if failed:
        text = "; ".join(failed)
        module.fail_json(
            f"{module.params['url']}: {len(failed)} of {len(probe.checks)} checks failed: {text}", **result
        )
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
