#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An HTTP proxy with an allow-list on the control machine, in the foreground."""

from __future__ import annotations

DOCUMENTATION = r"""
module: serve_egress
short_description: Serves an HTTP proxy with an allow-list for each client, for as long as it is told
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Runs Squid on this machine's loopback address for O(minutes), and ends with it. Hosts reach it through SSH
    connections that lead to O(port), such as those of the role C(ssh_tunnel).
  - A client names itself by a login and a password and reaches what is listed for it, and nothing else.
  - Nobody reaches this machine itself. That counts for the addresses of its interfaces, for loopback and link-local
    ones, and for every name that resolves to one of them when the request is made.
  - Shows who asked for what, and whether it was refused, when it is asked for first.
  - Ends, too, when the Ansible that started it has ended for whatever reason.
  - This machine's log gets no argument.
requirements:
  - Squid with its helper basic_ncsa_auth
  - ip (iproute2), setpriv (util-linux)
  - passlib
options:
  port:
    description: TCP port of the loopback address.
    type: int
    required: true
  minutes:
    description: How long.
    type: int
    required: true
  clients:
    description: Who may use it.
    type: list
    elements: dict
    required: true
    suboptions:
      login:
        description: Name, unique. Letters, digits, dots, V(_) and V(-).
        type: str
        required: true
      password:
        description: Password.
        type: str
        required: true
      destinations:
        description: What is allowed, each C(host:port), or C(.domain:port) for a domain and all that is below it.
        type: list
        elements: str
        required: true
  connections:
    description: Control sockets of the SSH connections. They are kept from closing by themselves meanwhile.
    type: list
    elements: path
    default: []
  squid:
    description: The program.
    type: str
    default: squid
  while_running:
    description: Number of a process. When it ends, so do the proxy and the connections. Ansible itself when not given.
    type: int
  progress_file:
    description: File to which a line is written for everything that is asked for. Shown as it grows when not given.
    type: path
attributes:
  check_mode:
    description: Checks the options and serves nothing.
    support: full
"""

EXAMPLES = r"""
- name: Let Ada's notebooks reach the data until the class ends
  ouseful.coursevm.serve_egress:
    port: 3129
    minutes: 120
    clients:
      - login: ada
        password: "{{ secret }}"
        destinations: [data.example.org:443, .example.net:443]
  delegate_to: localhost
"""

RETURN = r"""
requests:
  description: What was asked for, the refused first.
  returned: always
  type: list
  elements: dict
  contains:
    login:
      description: Who asked, or claimed to; V(-) for a request without a login, as git makes first.
      type: str
    destination:
      description: What for.
      type: str
    answer:
      description: V(allowed), V(refused), or V(failed) when it was allowed but could not be reached.
      type: str
    count:
      description: How often.
      type: int
  sample:
    - {login: ada, destination: "data.example.org:443", answer: allowed, count: 12}
"""

import signal
import traceback

from ansible.module_utils.basic import missing_required_lib

try:
    from passlib.hash import sha512_crypt

    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

from ansible_collections.ouseful.coursevm.plugins.module_utils.egress import Egress, EgressError
from ansible_collections.ouseful.coursevm.plugins.module_utils.progress import teller
from ansible_collections.ouseful.coursevm.plugins.module_utils.quiet import QuietModule
from ansible_collections.ouseful.coursevm.plugins.module_utils.squid import Client, mistakes

ARGUMENTS = {
    "port": {"type": "int", "required": True},
    "minutes": {"type": "int", "required": True},
    "clients": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "login": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "destinations": {"type": "list", "elements": "str", "required": True},
        },
    },
    "connections": {"type": "list", "elements": "path", "default": []},
    "squid": {"type": "str", "default": "squid"},
    "while_running": {"type": "int"},
    "progress_file": {"type": "path"},
}


def end(*_: object) -> None:
    """Have a signal end the module as an error would, so that nothing is left."""
    raise EgressError("Ended by a signal.")


def main() -> None:
    """Run the module."""
    module = QuietModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("passlib"), exception=IMPORT_ERROR)
    given = module.params
    clients = [Client(one["login"], tuple(one["destinations"])) for one in given["clients"]]
    wrong = mistakes(clients)
    if wrong:
        module.fail_json(msg="clients: " + "; ".join(wrong))
    if module.check_mode:
        module.exit_json(changed=False, requests=[])
    # The passwords are long and drawn at random: the work that slows down guessing would only slow down the class
    hashes = {one["login"]: sha512_crypt.using(rounds=1000).hash(one["password"]) for one in given["clients"]}
    signal.signal(signal.SIGTERM, end)
    egress = Egress(given["port"], given["connections"], teller(module))
    try:
        egress.hold()
        egress.start(given["squid"], clients, hashes)
        egress.serve(given["minutes"], given["while_running"])
    except EgressError as error:
        module.fail_json(msg=str(error), requests=egress.result())
    finally:
        egress.stop()
    module.exit_json(changed=False, requests=egress.result())


if __name__ == "__main__":
    main()
