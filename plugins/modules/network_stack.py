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
  cohort:
    description: Name of the cohort; 1 to 31 lower case letters, digits and hyphens.
    type: str
    required: true
  name:
    description: Name of the network, the router and the security group. V(coursevm-COHORT) when not given.
    type: str
  external_network:
    description: Name or id of the external network that the router is connected to. No router when not given.
    type: str
  subnets:
    description: Subnets of the network.
    type: list
    elements: dict
    suboptions:
      cidr:
        description:
          - Addresses of the subnet, for example V(10.30.0.0/20) or V(fd00:30::/64). Can't be changed later.
          - A network with both an IPv4 and an IPv6 subnet gives every server an address of each.
        type: str
        required: true
      name:
        description: Name of the subnet. O(name) and the IP version, as in V(coursevm-demo-4), when not given.
        type: str
      gateway_ip:
        description: Address of the router in the subnet, or a link-local one for IPv6.
        type: str
      dns_nameservers:
        description: Name servers that DHCP announces.
        type: list
        elements: str
      allocation_pools:
        description: Ranges to take addresses from.
        type: list
        elements: dict
        suboptions:
          start:
            description: First address.
            type: str
            required: true
          end:
            description: Last address.
            type: str
            required: true
      enable_dhcp:
        description: Whether DHCP is served.
        type: bool
      ipv6_ra_mode:
        description:
          - How the router announces an IPv6 subnet. The modes V(slaac) and V(dhcpv6-stateless) need a /64.
          - Not announced when not given. Can't be changed later.
        type: str
        choices: [dhcpv6-stateful, dhcpv6-stateless, slaac]
      ipv6_address_mode:
        description:
          - How servers get their address of an IPv6 subnet; the same as O(subnets[].ipv6_ra_mode) where both are given.
          - Can't be changed later.
        type: str
        choices: [dhcpv6-stateful, dhcpv6-stateless, slaac]
  security_group_rules:
    description:
      - What the security group allows. Any other rule for incoming traffic is removed from it.
      - Rules for outgoing traffic are touched only if one is declared, or O(default_egress) is given; everything may go
        out otherwise.
      - A protocol by its number or name, and V(0.0.0.0/0), V(::/0) or no network at all, count as the same.
    type: list
    elements: dict
    suboptions:
      direction:
        description: Way of the traffic.
        type: str
        choices: [ingress, egress]
        default: ingress
      ethertype:
        description: IP version. That of O(security_group_rules[].remote_ip_prefix), else IPv4, when not given.
        type: str
        choices: [IPv4, IPv6]
      protocol:
        description: Protocol, for example V(tcp) or V(icmp). Any when not given.
        type: str
      port_range_min:
        description: First port; type of the message for ICMP.
        type: int
      port_range_max:
        description: Last port; code of the message for ICMP. That of O(security_group_rules[].port_range_min) when not
          given.
        type: int
      remote_ip_prefix:
        description: Network that the traffic comes from, or goes to. Anywhere when not given.
        type: str
      description:
        description: What the rule is for. Given to new rules; not compared.
        type: str
  default_egress:
    description:
      - Whether the security group has Neutron's own two rules, which let everything out by IPv4 and IPv6.
      - V(true) keeps them beside declared rules for outgoing traffic, or makes them again. V(false) removes them, so
        that nothing goes out but what is declared.
      - When not given, they are kept as long as no rule for outgoing traffic is declared.
    type: bool
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

import math
from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired, observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply_network_stack import Stack, apply
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CONNECTION_ARGUMENTS, Cloud
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import merged
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_network_stack import plan
from ansible_collections.ouseful.coursevm.plugins.module_utils.rivals import when_abandoned
from ansible_collections.ouseful.coursevm.plugins.module_utils.running import explained

IPV6_MODES = ["dhcpv6-stateful", "dhcpv6-stateless", "slaac"]
POOL = {"start": {"type": "str", "required": True}, "end": {"type": "str", "required": True}}
SUBNET = {
    "cidr": {"type": "str", "required": True},
    "name": {"type": "str"},
    "gateway_ip": {"type": "str"},
    "dns_nameservers": {"type": "list", "elements": "str"},
    "allocation_pools": {"type": "list", "elements": "dict", "options": POOL},
    "enable_dhcp": {"type": "bool"},
    "ipv6_ra_mode": {"type": "str", "choices": IPV6_MODES},
    "ipv6_address_mode": {"type": "str", "choices": IPV6_MODES},
}
RULE = {
    "direction": {"type": "str", "choices": ["ingress", "egress"], "default": "ingress"},
    "ethertype": {"type": "str", "choices": ["IPv4", "IPv6"]},
    "protocol": {"type": "str"},
    "port_range_min": {"type": "int"},
    "port_range_max": {"type": "int"},
    "remote_ip_prefix": {"type": "str"},
    "description": {"type": "str"},
}
ARGUMENTS = {
    **CONNECTION_ARGUMENTS,
    "cohort": {"type": "str", "required": True},
    "name": {"type": "str"},
    "external_network": {"type": "str"},
    "subnets": {"type": "list", "elements": "dict", "options": SUBNET},
    "security_group_rules": {"type": "list", "elements": "dict", "options": RULE},
    "default_egress": {"type": "bool"},
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

        def look() -> list[Stack]:
            states = observed.network_stacks(cloud, wanted)
            return [Stack(cloud, one, state, plan(one, state)) for one, state in zip(wanted, states, strict=True)]

        stacks = look() if module.check_mode else when_abandoned(cloud, look, partial(age_of_unfinished, cloud))
        steps = merged([stack.plan for stack in stacks])
        if steps.actions and not module.check_mode:
            apply(cloud, stacks, module.params["concurrency"])
        for difference in steps.drift:
            module.warn(str(difference))
        failed = [stack for stack in stacks if stack.error]
        result = {
            "changed": any(stack.done for stack in stacks) if failed else bool(steps.actions),
            "actions": [str(action) for action in steps.actions],
            "drift": [str(difference) for difference in steps.drift],
            "diff": {"prepared": steps.in_words()},
            "requests": cloud.requests,
            "polls": cloud.polls,
            **described(stacks),
        }
        if failed:
            result["actions"] = [action for stack in stacks for action in stack.done]
            reasons = "; ".join(f"{stack.desired.name}: {stack.error}" for stack in failed)
            module.fail_json(msg=f"{reasons}. Run again to go on with what is missing.", **result)
        module.exit_json(**result)


def age_of_unfinished(cloud: Cloud, stacks: list[Stack]) -> float:
    """Seconds since the youngest network was made that lacks something, which another run may be about to make."""
    ages = (cloud.seconds_since(stack.begun_at) for stack in stacks if stack.begun_at)
    return min(ages, default=math.inf)


def described(stacks: list[Stack]) -> dict:
    """The cohort's resources as the module returns them."""
    first, *own = stacks
    shared = described_one(first)
    return {
        **shared,
        "students": [{"student": stack.desired.student, "error": stack.error, **described_one(stack)} for stack in own],
        "undeclared_students": list(first.state.other_students),
    }


def described_one(stack: Stack) -> dict:
    """The resources of one stack, those which it has."""

    def one(resources: tuple, *facts: str) -> dict:
        own = observed.ours(resources, stack.desired.cohort)
        found = own[0] if own else None
        return {"name": stack.desired.name, **{fact: getattr(found, fact, None) for fact in ("id", *facts)}}

    network = {
        "network": one(stack.state.networks, "mtu"),
        "router": one(stack.state.routers, "external_network_id"),
        "subnets": [
            {fact: getattr(subnet, fact) for fact in ("id", "name", "cidr", "ip_version", "gateway_ip")}
            for subnet in observed.ours(stack.state.subnets, stack.desired.cohort)
        ],
    }
    group = {"security_group": one(stack.state.security_groups)}
    return {**(network if stack.desired.has_network else {}), **(group if stack.desired.has_group else {})}


if __name__ == "__main__":
    main()
