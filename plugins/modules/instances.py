#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module instances."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instances
short_description: A cohort's servers, one for each student
version_added: 0.1.0
description:
  - Makes a server with its own port and floating IP for every student, all at the same time, and keeps them so.
  - Servers carry the tags C(coursevm), C(coursevm:cohort=COHORT) and C(coursevm:student=STUDENT); floating IPs have the
    same, joined by commas, as their description. Only what carries them is ever changed or removed, and the servers'
    ports, which Nova makes and removes with them.
  - What fails for one student doesn't stop the others. At the end the module fails and names the students; run again to
    go on with what is missing.
  - Metadata, security groups and names are changed in place. A different image, flavor, network, zone or user data is
    reported as drift and left, because mending it would cost a student's work; so is a different keypair, config drive,
    server group or volume. O(state=rebuilt) mends image, user data and keypair, O(state=resized) the flavor.
  - A server that never came up (ERROR without having run) is removed and made again. One that ran before is left,
    unless it is rebuilt.
options:
  network:
    description: Name or id of the network. Where several have that name, the cohort's own is meant.
    type: str
  security_groups:
    description:
      - Names or ids of the security groups, V([]) for none.
      - When not given, Nova gives new servers the project's C(default), and nothing is compared.
    type: list
    elements: str
  floating_network:
    description: Name or id of the external network that floating IPs come from. No floating IPs when not given.
    type: str
extends_documentation_fragment:
  - ouseful.coursevm.cloud
  - ouseful.coursevm.cloud.plan
  - ouseful.coursevm.instances
author:
  - The ouseful.coursevm contributors (@ouseful)
"""

EXAMPLES = r"""
- name: Make the servers of a cohort
  ouseful.coursevm.instances:
    cloud: coursevm-dev
    cohort: demo
    image: coursevm-debian-12
    flavor: m2.small
    network: coursevm-demo
    security_groups: [coursevm-demo]
    floating_network: public
    instances:
      - student: ada
        user_data: |
          #cloud-config
          ssh_authorized_keys: ["{{ operator_public_key }}"]
      - student: grace

- name: Remove the server, port and floating IP of one student
  ouseful.coursevm.instances:
    cloud: coursevm-dev
    cohort: demo
    instances:
      - student: grace
    state: absent

- name: Stop the cohort's servers for the night
  ouseful.coursevm.instances:
    cloud: coursevm-dev
    cohort: demo
    instances:
      - student: ada
      - student: grace
    state: stopped

- name: Give one student a larger server; it is stopped and started for that
  ouseful.coursevm.instances:
    cloud: coursevm-dev
    cohort: demo
    image: coursevm-debian-12
    flavor: m2.medium
    network: coursevm-demo
    security_groups: [coursevm-demo]
    floating_network: public
    instances:
      - student: grace
    state: resized

- name: Give one student a new disk; what is on the old one is lost
  ouseful.coursevm.instances:
    cloud: coursevm-dev
    cohort: demo
    image: coursevm-debian-12
    flavor: m2.small
    network: coursevm-demo
    security_groups: [coursevm-demo]
    floating_network: public
    instances:
      - student: grace
    state: rebuilt
"""

RETURN = r"""
instances:
  description: One entry for each student who is declared or whose instance was removed. Returned on failure, too.
  returned: always
  type: list
  elements: dict
  contains:
    student:
      description: Id of the student.
      type: str
    name:
      description: Name of the server.
      type: str
    id:
      description: Id of the server; null when there is none.
      type: str
    status:
      description: Status of the server as Nova calls it, or V(ABSENT).
      type: str
    addresses:
      description: Addresses on the cohort's network.
      type: list
      elements: str
    floating_ip:
      description: The floating IP; null when there is none.
      type: str
    actions:
      description: What was done, or would be done in check mode, in words.
      type: list
      elements: str
    drift:
      description: Differences that are reported and not mended, in words.
      type: list
      elements: str
    seconds:
      description:
        - Seconds from the request until the server was up, or in the state asked for.
        - Null when it was not waited for.
      type: float
    error:
      description: Why it failed for this student; null when it didn't.
      type: str
failed_students:
  description: Students for whom something failed.
  returned: always
  type: list
  elements: str
undeclared_students:
  description:
    - Students of the cohort who have something on the cloud and are not in O(instances).
    - Empty with O(prune=true), which removes it.
  returned: always
  type: list
  elements: str
requests:
  description: Number of HTTP requests made, login included.
  returned: always
  type: int
  sample: 4
polls:
  description: How many of them asked how far the servers are, or what another run is making at the same time.
  returned: always
  type: int
  sample: 0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired
from ansible_collections.ouseful.coursevm.plugins.module_utils.arguments import INSTANCES_ARGUMENTS, REQUIRED_TO_MAKE
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CONNECTION_ARGUMENTS, Cloud
from ansible_collections.ouseful.coursevm.plugins.module_utils.declare_instances import Options, declare
from ansible_collections.ouseful.coursevm.plugins.module_utils.running import end, explained

ARGUMENTS = {
    **CONNECTION_ARGUMENTS,
    **INSTANCES_ARGUMENTS,
    "network": {"type": "str"},
    "security_groups": {"type": "list", "elements": "str"},
    "floating_network": {"type": "str"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, required_if=REQUIRED_TO_MAKE)
    with explained(module):
        wanted = desired.cohort(module.params)
        cloud = Cloud(module.params)
        end(module, cloud, declare(cloud, wanted, Options.of(module)))


if __name__ == "__main__":
    main()
