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
  - Servers carry the tags C(coursevm), C(coursevm:cohort=COHORT) and C(coursevm:student=STUDENT); ports and floating
    IPs have the same, joined by commas, as their description. Only what carries them is ever changed or removed.
  - What fails for one student doesn't stop the others. At the end the module fails and names the students; run again to
    go on with what is missing.
  - Metadata, security groups and names are changed in place. A different image, flavor, network, zone or user data is
    reported as drift and left, because mending it would cost a student's work; so is a different keypair, config drive,
    server group or volume. O(state=rebuilt) mends image, user data and keypair.
  - A server that never came up (ERROR without having run) is removed and made again. One that ran before is left,
    unless it is rebuilt.
options:
  cohort:
    description: Name of the cohort; 1 to 31 lower case letters, digits and hyphens.
    type: str
    required: true
  instances:
    description: The students. With O(state=absent) those whose instances are removed.
    type: list
    elements: dict
    required: true
    suboptions:
      student:
        description: Id of the student; 1 to 31 lower case letters, digits and hyphens.
        type: str
        required: true
      name:
        description: Name of server and port. V(COHORT-STUDENT) when not given.
        type: str
      user_data:
        description: What cloud-init gets. Any process in the server can read it, so it is no place for secrets.
        type: str
      metadata:
        description: Metadata of the server. Other keys that it has are left alone.
        type: dict
      network:
        description: Name or id of this student's network. O(network) when not given.
        type: str
  image:
    description: Name or id of the image. It is an error when several active images have that name.
    type: str
  flavor:
    description: Name or id of the flavor.
    type: str
  network:
    description: Name or id of the network. Where several have that name, the cohort's own is meant.
    type: str
  security_groups:
    description: Names or ids of the security groups. Not compared when not given.
    type: list
    elements: str
  floating_network:
    description: Name or id of the external network that floating IPs come from. No floating IPs when not given.
    type: str
  availability_zone:
    description: Zone to put new servers in. Not compared when not given.
    type: str
  key_name:
    description:
      - Name of an existing keypair of the user who runs this. cloud-init puts its public key into the server.
      - Not compared when not given. Can be changed by O(state=rebuilt) only.
    type: str
  config_drive:
    description:
      - Whether the servers get metadata and user data on a drive, too, for networks without the metadata service.
      - Not compared when not given. Can't be changed later.
    type: bool
  server_group:
    description:
      - Name or id of an existing server group that new servers are put into, for example one with the policy
        C(soft-anti-affinity), which spreads them over the hosts.
      - It is not made here, because Nova lets nobody mark a group as a cohort's
        (C(openstack server group create --policy soft-anti-affinity NAME)). Mind its quota, often 10 servers a group.
      - Not compared when not given. Can't be changed later.
    type: str
  volume_size:
    description:
      - Size in GiB of the volume that new servers boot from, made from O(image). From the flavor's disk when not given.
      - Can't be changed later, and a server on a volume can't be rebuilt.
    type: int
  delete_on_termination:
    description: Whether that volume goes with its server. One that stays is no longer looked after by this module.
    type: bool
    default: true
  state:
    description:
      - What becomes of the instances listed.
      - V(present) makes what is missing and leaves the power state of servers alone.
      - V(started) is V(present), and every server running (C(ACTIVE)); also one that was paused, suspended or shelved.
      - V(stopped) stops the servers that are there (C(SHUTOFF)), and V(shelved) shelves them. Nothing else is made,
        changed or compared, so image, flavor and network need not be given. A student without a server is reported. A
        shelved server stays so when V(stopped) is asked for.
      - V(rebuilt) is V(present), and every server that is there gets a new disk from O(image), with the declared user
        data, metadata and keypair. B(All that is on the disk is lost.) Port, floating IP and id stay, and a stopped
        server is stopped again. That is a change every time.
      - V(absent) removes servers, ports and floating IPs.
    type: str
    choices: [present, absent, started, stopped, shelved, rebuilt]
    default: present
  prune:
    description: Whether to remove the instances of students of the cohort who are not in O(instances).
    type: bool
    default: false
  timeout:
    description: Seconds for the whole cohort to come up, to go, or to get into the state asked for.
    type: int
    default: 600
  concurrency:
    description: Number of requests to make at the same time.
    type: int
    default: 8
  retries:
    description:
      - How often a server that comes up in ERROR is removed and made again.
      - Also how often a server that doesn't get into the state asked for is told again.
    type: int
    default: 1
  progress_file:
    description:
      - File to which lines about the progress are appended while the module works.
      - On the control machine the lines are shown as they come, without this option.
    type: path
extends_documentation_fragment:
  - ouseful.coursevm.cloud
  - ouseful.coursevm.cloud.plan
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
    - Empty with O(prune=true), which removes it, and with O(state=absent).
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

import math
from collections.abc import Callable
from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired, observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply_instances import Apply, outcomes
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CONNECTION_ARGUMENTS, Cloud
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Plan
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_instances import plan, undeclared_students
from ansible_collections.ouseful.coursevm.plugins.module_utils.rivals import when_abandoned
from ansible_collections.ouseful.coursevm.plugins.module_utils.running import explained
from ansible_collections.ouseful.coursevm.plugins.module_utils.waiting import Outcome

INSTANCE = {
    "student": {"type": "str", "required": True},
    "name": {"type": "str"},
    "user_data": {"type": "str"},
    "metadata": {"type": "dict"},
    "network": {"type": "str"},
}
ARGUMENTS = {
    **CONNECTION_ARGUMENTS,
    "cohort": {"type": "str", "required": True},
    "instances": {"type": "list", "elements": "dict", "required": True, "options": INSTANCE},
    "image": {"type": "str"},
    "flavor": {"type": "str"},
    "network": {"type": "str"},
    "security_groups": {"type": "list", "elements": "str"},
    "floating_network": {"type": "str"},
    "availability_zone": {"type": "str"},
    "key_name": {"type": "str", "no_log": False},
    "config_drive": {"type": "bool"},
    "server_group": {"type": "str"},
    "volume_size": {"type": "int"},
    "delete_on_termination": {"type": "bool", "default": True},
    "state": {
        "type": "str",
        "choices": ["present", "absent", "started", "stopped", "shelved", "rebuilt"],
        "default": "present",
    },
    "prune": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 600},
    "concurrency": {"type": "int", "default": 8},
    "retries": {"type": "int", "default": 1},
    "progress_file": {"type": "path"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", state, ("image", "flavor")) for state in ("present", "started", "rebuilt")],
    )
    with explained(module):
        wanted = desired.cohort(module.params)
        cloud = Cloud(module.params)

        def look() -> tuple[observed.CohortState, Plan]:
            state = observed.cohort(cloud, wanted)
            steps = plan(wanted, state)
            if wanted.removes or wanted.prune or (wanted.makes and not steps.settled):
                state = observed.rest_of_cohort(cloud, wanted, state, planning=module.check_mode)
                steps = plan(wanted, state)
            return state, steps

        state, steps = look() if module.check_mode else when_abandoned(cloud, look, partial(age_of_unfinished, cloud))
        others = undeclared_students(wanted, state)
        listed = [instance.student for instance in wanted.instances]
        results = outcomes(state, [*listed, *(others if wanted.prune else [])])
        for student, reason in steps.refused.items():
            results[student].error = reason
        if module.check_mode:
            for name in state.names.missing if state.names else ():
                module.warn(f"{name} is not there yet; the plan takes it that it will be.")
            for action in steps.actions:
                results[action.student].done.append(str(action))
        else:
            options = {name: module.params[name] for name in ("timeout", "concurrency", "retries")}
            Apply(cloud, wanted, state, results, tell=teller(module), **options).run(steps)
        finish(
            module,
            steps,
            instances=described(wanted, steps, results),
            undeclared_students=[] if wanted.removes or wanted.prune else others,
            requests=cloud.requests,
            polls=cloud.polls,
        )


def age_of_unfinished(cloud: Cloud, seen: tuple[observed.CohortState, Plan]) -> float:
    """Seconds since the youngest port was made that awaits a server, perhaps from another run."""
    state, steps = seen
    lacking = {action.student for action in steps.actions if (action.verb, action.kind) == ("create", "server")}
    waiting = [port for port in state.ports if port.owner.student in lacking and not port.device_id]
    return min((cloud.seconds_since(port.created_at) for port in waiting), default=math.inf)


def teller(module: AnsibleModule) -> Callable[[str], None]:
    """A function that appends a line to the progress file; progress that can't be written stops nothing."""
    path = module.params["progress_file"]

    def tell(line: str) -> None:
        nonlocal path
        if path:
            try:
                with open(path, "a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
            except OSError as error:
                module.warn(f"progress_file: {error}")
                path = None

    return tell


def described(wanted: desired.Cohort, steps: Plan, results: dict[str, Outcome]) -> list[dict]:
    """The results as the module returns them."""
    names = {instance.student: instance.name for instance in wanted.instances}
    return [
        {
            "student": student,
            "name": names.get(student) or f"{wanted.cohort}-{student}",
            "id": result.server.id if result.server else None,
            "status": result.server.status if result.server else "ABSENT",
            "addresses": list(
                result.port.addresses if result.port else result.server.addresses if result.server else ()
            ),
            "floating_ip": result.floating_ip.name if result.floating_ip else None,
            "actions": result.done,
            "drift": [str(difference) for difference in steps.drift if difference.student == student],
            "seconds": result.seconds,
            "error": result.error,
        }
        for student, result in results.items()
    ]


def finish(module: AnsibleModule, steps: Plan, *, instances: list[dict], **facts: object) -> None:
    """Return the results, failed if anything failed for anyone."""
    failed = [instance for instance in instances if instance["error"]]
    result = {
        "changed": any(instance["actions"] for instance in instances),
        "instances": instances,
        "failed_students": [instance["student"] for instance in failed],
        "diff": {"prepared": steps.in_words()},
        **facts,
    }
    for difference in steps.drift:
        module.warn(str(difference))
    if not failed:
        module.exit_json(**result)
    students: dict[str, list[str]] = {}
    for instance in failed:
        students.setdefault(instance["error"], []).append(instance["student"])
    reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in students.items())
    module.fail_json(
        msg=f"{len(failed)} of {len(instances)} instances failed. {reasons}. "
        "Run again to go on with what is missing; what is up stays up.",
        **result,
    )


if __name__ == "__main__":
    main()
