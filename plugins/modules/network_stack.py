#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module network_stack."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network_stack
short_description: A cohort's network, subnets, router and security group
version_added: 0.1.0
description:
  - Makes the network that a cohort's instances share, or one for each student, from one declaration, and keeps it as
    declared.
  - What it makes is marked as the cohort's in its description (C(coursevm,coursevm:cohort=NAME)). Only what is marked
    is ever changed or removed; a name that is taken by something else is an error.
  - What is not declared is not compared.
options:
  students:
    description:
      - Ids of students who get a network, subnets and a router each, instead of one network for the cohort. They are
        called O(name)-STUDENT; what O(subnets) says is the same for each, as they don't see each other.
      - The security group is the cohort's all the same, and keeps O(name). With O(state=absent) the networks of these
        students are removed, and the group with the last of them.
      - Every router takes an address of O(external_network). Mind the quotas, often 10 routers in a project.
      - Give each instance its network, see O(ouseful.coursevm.instances#module:instances[].network).
    type: list
    elements: str
  concurrency:
    description: Number of students' networks to work on at the same time.
    type: int
    default: 8
  state:
    description: Whether the network stack is there. V(absent) refuses while instances use it.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - ouseful.coursevm.cloud
  - ouseful.coursevm.cloud.plan
  - ouseful.coursevm.network_stack
author:
  - The ouseful.coursevm contributors (@ouseful)
"""

EXAMPLES = r"""
- name: Make the cohort's network
  ouseful.coursevm.network_stack:
    cloud: coursevm-dev
    cohort: demo
    external_network: public
    subnets:
      - cidr: 10.30.0.0/20
    security_group_rules:
      - {protocol: tcp, port_range_min: 22, remote_ip_prefix: 0.0.0.0/0, description: SSH}
      - {protocol: tcp, port_range_min: 80, remote_ip_prefix: 0.0.0.0/0, description: HTTP}
      - {protocol: icmp, port_range_min: 8, port_range_max: 0, remote_ip_prefix: 0.0.0.0/0, description: Echo}

- name: Make a network with both IP versions, from which only DNS and the web are reached
  ouseful.coursevm.network_stack:
    cloud: coursevm-dev
    cohort: demo
    external_network: public
    subnets:
      - cidr: 10.30.0.0/20
      - cidr: fd00:30::/64
        ipv6_ra_mode: slaac
        ipv6_address_mode: slaac
    security_group_rules:
      - {protocol: tcp, port_range_min: 22}
      - {direction: egress, protocol: udp, port_range_min: 53}
      - {direction: egress, protocol: tcp, port_range_min: 80}
      - {direction: egress, protocol: tcp, port_range_min: 443}

- name: Make a network for each student
  ouseful.coursevm.network_stack:
    cloud: coursevm-dev
    cohort: demo
    external_network: public
    subnets:
      - cidr: 10.30.0.0/24
    students: [ada, grace]

- name: Remove it when the cohort's instances are gone
  ouseful.coursevm.network_stack:
    cloud: coursevm-dev
    cohort: demo
    state: absent
"""

RETURN = r"""
network:
  description: The network; its id is null when it isn't there.
  returned: when O(students) is not given
  type: dict
  sample: {id: 3f0c…, name: coursevm-demo, mtu: 1350}
subnets:
  description: The cohort's subnets on it.
  returned: when O(students) is not given
  type: list
  elements: dict
  sample: [{id: 77aa…, name: coursevm-demo-4, cidr: 10.30.0.0/20, gateway_ip: 10.30.0.1}]
router:
  description: The router; its id is null when it isn't there.
  returned: when O(students) is not given
  type: dict
  sample: {id: 51de…, name: coursevm-demo, external_network_id: 9b2f…}
security_group:
  description: The security group; its id is null when it isn't there.
  returned: success
  type: dict
  sample: {id: c0a1…, name: coursevm-demo}
students:
  description: With O(students), what RV(network), RV(subnets) and RV(router) are without, for each of them.
  returned: success
  type: list
  elements: dict
  contains:
    student:
      description: Id of the student.
      type: str
    network:
      description: As RV(network).
      type: dict
    subnets:
      description: As RV(subnets).
      type: list
      elements: dict
    router:
      description: As RV(router).
      type: dict
    error:
      description: Why it failed for this student; null when it didn't.
      type: str
undeclared_students:
  description: With O(students), students of the cohort who have a network and are not among them.
  returned: success
  type: list
  elements: str
actions:
  description: What was done, or would be done in check mode, in words.
  returned: success
  type: list
  elements: str
  sample: [create network coursevm-demo]
drift:
  description: Differences that are reported and not mended, in words.
  returned: success
  type: list
  elements: str
requests:
  description: Number of HTTP requests made, login included.
  returned: success
  type: int
  sample: 6
polls:
  description: How many of them asked what another run is making at the same time.
  returned: success
  type: int
  sample: 0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired
from ansible_collections.ouseful.coursevm.plugins.module_utils.arguments import NETWORK_STACK_ARGUMENTS
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CONNECTION_ARGUMENTS, Cloud
from ansible_collections.ouseful.coursevm.plugins.module_utils.declare_network_stack import declare
from ansible_collections.ouseful.coursevm.plugins.module_utils.running import end, explained

ARGUMENTS = {
    **CONNECTION_ARGUMENTS,
    **NETWORK_STACK_ARGUMENTS,
    "students": {"type": "list", "elements": "str"},
    "concurrency": {"type": "int", "default": 8},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    with explained(module):
        wanted = desired.network_stacks(module.params)
        cloud = Cloud(module.params)
        result, _known = declare(cloud, wanted, check_mode=module.check_mode, concurrency=module.params["concurrency"])
        end(module, cloud, result)


if __name__ == "__main__":
    main()
