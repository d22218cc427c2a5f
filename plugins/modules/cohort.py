#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module cohort."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cohort
short_description: A whole cohort in one call, its network and a server for each student
version_added: 0.1.0
description:
  - Does what M(ouseful.coursevm.network_stack) and M(ouseful.coursevm.instances) do one after the other, with one
    login.
  - The instances are on the cohort's network. Where the network belongs to somebody else, use
    M(ouseful.coursevm.instances) alone.
  - With O(state=absent) the instances listed are removed, and the network with the last of the cohort's.
    O(prune) takes a student's own network along.
    With O(state=stopped) and O(state=shelved) the network is not looked at.
options:
  network_per_student:
    description:
      - Whether each student has a network, subnets and a router, called O(name)-STUDENT, instead of one for the cohort.
      - Every router takes an address of O(external_network). Mind the quotas, often 10 routers in a project.
    type: bool
    default: false
  security_groups:
    description: Names or ids of the instances' security groups, V([]) for none. The cohort's own when not given.
    type: list
    elements: str
  floating_ips:
    description: Whether each instance has a floating IP of O(external_network).
    type: bool
    default: true
extends_documentation_fragment:
  - ouseful.coursevm.cloud
  - ouseful.coursevm.cloud.plan
  - ouseful.coursevm.network_stack
  - ouseful.coursevm.instances
seealso:
  - module: ouseful.coursevm.network_stack
  - module: ouseful.coursevm.instances
author:
  - The ouseful.coursevm contributors (@ouseful)
"""

EXAMPLES = r"""
- name: Launch a cohort
  ouseful.coursevm.cohort:
    cloud: coursevm-dev
    cohort: demo
    external_network: public
    subnets:
      - cidr: 10.30.0.0/20
    security_group_rules:
      - {protocol: tcp, port_range_min: 22}
      - {protocol: tcp, port_range_min: 80}
    image: coursevm-debian-12
    flavor: m2.small
    instances:
      - student: ada
      - student: grace

- name: Remove it
  ouseful.coursevm.cohort:
    cloud: coursevm-dev
    cohort: demo
    instances:
      - student: ada
      - student: grace
    state: absent
"""

RETURN = r"""
network_stack:
  description: What M(ouseful.coursevm.network_stack) returns of the network. Null when it was not looked at.
  returned: always
  type: dict
instances:
  description: One entry for each student, as of M(ouseful.coursevm.instances). Returned on failure, too.
  returned: always
  type: list
  elements: dict
failed_students:
  description: Students for whom something failed.
  returned: always
  type: list
  elements: str
undeclared_students:
  description: Students of the cohort who have something on the cloud, a network among it, and are not in O(instances).
  returned: always
  type: list
  elements: str
requests:
  description: Number of HTTP requests made, login included.
  returned: always
  type: int
  sample: 9
polls:
  description: How many of them asked how far the servers are, or what another run is making at the same time.
  returned: always
  type: int
  sample: 0
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils import (
    declare_instances,
    declare_network_stack,
    desired,
    observed,
)
from ansible_collections.ouseful.coursevm.plugins.module_utils.arguments import (
    INSTANCES_ARGUMENTS,
    NETWORK_STACK_ARGUMENTS,
    REQUIRED_TO_MAKE,
)
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CONNECTION_ARGUMENTS, Cloud, CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import PlanError
from ansible_collections.ouseful.coursevm.plugins.module_utils.running import end, explained

ARGUMENTS = {
    **CONNECTION_ARGUMENTS,
    **NETWORK_STACK_ARGUMENTS,
    **INSTANCES_ARGUMENTS,
    "network_per_student": {"type": "bool", "default": False},
    "security_groups": {"type": "list", "elements": "str"},
    "floating_ips": {"type": "bool", "default": True},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, required_if=REQUIRED_TO_MAKE)
    with explained(module):
        stacks, cohort = desired.stacks_and_cohort(module.params)
        cloud = Cloud(module.params)
        options = declare_instances.Options.of(module)
        end(module, cloud, (remove if cohort.removes else declare)(cloud, stacks, cohort, options))


def declare(
    cloud: Cloud,
    stacks: Sequence[desired.NetworkStack],
    cohort: desired.Cohort,
    options: declare_instances.Options,
) -> dict[str, Any]:
    """Network first, then the instances of those students who have one; the network of who is pruned goes last."""
    if not cohort.makes:
        return merged([], declare_instances.declare(cloud, cohort, options))
    network, known = declare_stacks(cloud, stacks, options)
    if "msg" in network and not known.blocked:
        return merged([network], None)
    leaving: set[str] = set()
    instances = attempted(lambda: declare_instances.declare(cloud, cohort, options, known, leaving))
    pruned = network["undeclared_students"] if cohort.prune else []
    if not pruned:
        return merged([network], instances)
    common = replace(stacks[0], present=False, has_group=False)
    gone = [
        replace(common, name=one.name, student=one.owner.student, has_network=True)
        for one in known.undeclared
        if one.owner.student in pruned
    ]
    removal = attempted(lambda: declare_stacks(cloud, (common, *gone), options, leaving)[0])
    left = {one["student"] for one in removal["students"] if one["error"]} if "students" in removal else set(pruned)
    network["undeclared_students"] = sorted(left)
    return merged([network, removal], instances)


def remove(
    cloud: Cloud,
    stacks: Sequence[desired.NetworkStack],
    cohort: desired.Cohort,
    options: declare_instances.Options,
) -> dict[str, Any]:
    """Instances first, then the network that nobody is left on."""
    leaving: set[str] = set()
    instances = declare_instances.declare(cloud, cohort, options, leaving=leaving)
    is_shared = len(stacks) == 1
    if "msg" in instances or (is_shared and instances["undeclared_students"]):
        return merged([], instances)
    return merged([attempted(lambda: declare_stacks(cloud, stacks, options, leaving)[0])], instances)


def declare_stacks(
    cloud: Cloud,
    stacks: Sequence[desired.NetworkStack],
    options: declare_instances.Options,
    leaving: Collection[str] = (),
) -> tuple[dict[str, Any], observed.Known]:
    """Make the network stacks so; ``leaving`` are ids of servers that in check mode would be gone."""
    how = {"check_mode": options.check_mode, "concurrency": options.concurrency}
    return declare_network_stack.declare(cloud, stacks, leaving=leaving, **how)


def attempted(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``work`` returns; when it can't be done, the reason: what was done before it is told all the same."""
    try:
        return work()
    except (CloudError, PlanError) as error:
        return {"changed": False, "warnings": [], "diff": {"prepared": ""}, "msg": str(error)}


def merged(networks: list[dict[str, Any]], instances: dict[str, Any] | None) -> dict[str, Any]:
    """The results as one; what was not done is None."""
    there = [*networks, instances] if instances else networks
    facts = ("changed", "diff", "warnings", "msg")
    result = {"instances": [], "failed_students": [], "undeclared_students": [], **(instances or {})}
    stack = {key: value for key, value in networks[0].items() if key not in facts} if networks else {}
    if stack:
        stack["actions"] = [action for one in networks for action in one.get("actions", [])]
        found = {*result["undeclared_students"], *stack["undeclared_students"]}
        result["undeclared_students"] = sorted(found)
    result |= {
        "network_stack": stack or None,
        "changed": any(one["changed"] for one in there),
        "warnings": [warning for one in there for warning in one["warnings"]],
        "diff": {"prepared": "".join(one["diff"]["prepared"] for one in there)},
    }
    reasons = [one["msg"] for one in there if "msg" in one]
    return {**result, "msg": " ".join(reasons)} if reasons else result


if __name__ == "__main__":
    main()
