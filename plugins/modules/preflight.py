#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks what a cohort's launch needs before it is tried."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Checks what a cohort needs from the cloud before anything is made
version_added: 0.1.0
description:
  - Logs in and compares what the launch needs with what the cloud has - the user's role, the image and whether it fits
    the flavor, the flavor, the external network, and the quotas for those students who have no instance yet.
  - Every check is made, also after one has failed. The module fails at the end and says for each failed one what was
    found and what mends it.
  - Changes nothing. Makes seven HTTP requests, login included, whatever the number of students is.
  - Where the cloud does not tell the project its quotas, a warning says so and the launch itself will show.
author:
  - The ouseful.coursevm contributors (@ouseful)
extends_documentation_fragment:
  - ouseful.coursevm.cloud
options:
  cohort:
    description: Name of the cohort.
    type: str
    required: true
  students:
    description: Ids of all the students.
    type: list
    elements: str
    required: true
  image:
    description: Name or id of the image.
    type: str
    required: true
  flavor:
    description: Name or id of the flavor.
    type: str
    required: true
  external_network:
    description: Name or id of the network that floating IPs come from. No floating IPs are counted when not given.
    type: str
  network_per_student:
    description: Whether each student is to have a network and a router.
    type: bool
    default: false
  subnet_count:
    description: How many subnets each network has, 2 with both versions of IP for example.
    type: int
    default: 1
  volume_size:
    description: Size in GiB of the volume that each new instance boots from. None when not given.
    type: int
attributes:
  check_mode:
    description: Runs as without it.
    support: full
"""

EXAMPLES = r"""
- name: Check what the cohort needs
  ouseful.coursevm.preflight:
    cloud: faculty
    cohort: tm351-26j
    students: "{{ groups['coursevm_cohort_tm351_26j'] }}"
    image: coursevm-debian-12
    flavor: m2.small
    external_network: public
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
checks:
  description:
    - What was checked. After a failed login there is only V(cloud).
    - Names are V(cloud), V(role), V(image), V(flavor), V(image_fits_flavor), V(external_network), and V(quota_) with
      C(instances), C(cores), C(ram) (MiB), C(floatingip), C(port), what a network not yet made needs, and with
      O(volume_size) C(volumes) and C(gigabytes) (GiB).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: What was checked.
      type: str
    ok:
      description: Whether it is as it should be.
      type: bool
    detail:
      description: What was found.
      type: str
    mend:
      description: What to do about it; empty when there is nothing to do.
      type: str
  sample:
    - name: quota_cores
      ok: false
      detail: 60 needed, 16 free (4 of 20 in use)
      mend: Ask for a quota of 64 for the project, or remove what is no longer used.
new_students:
  description: The students who have no instance yet.
  returned: when the cloud can be asked
  type: list
  elements: str
requests:
  description: Number of HTTP requests made, login included.
  returned: when the cloud can be asked
  type: int
  sample: 7
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils import observed, preflight
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CONNECTION_ARGUMENTS, Cloud, CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.concurrency import concurrently
from ansible_collections.ouseful.coursevm.plugins.module_utils.preflight import Check
from ansible_collections.ouseful.coursevm.plugins.module_utils.running import explained

ARGUMENTS = {
    **CONNECTION_ARGUMENTS,
    "cohort": {"type": "str", "required": True},
    "students": {"type": "list", "elements": "str", "required": True},
    "image": {"type": "str", "required": True},
    "flavor": {"type": "str", "required": True},
    "external_network": {"type": "str"},
    "network_per_student": {"type": "bool", "default": False},
    "subnet_count": {"type": "int", "default": 1},
    "volume_size": {"type": "int"},
}


class Preflight:
    """The checks of one launch."""

    def __init__(self, module: AnsibleModule):
        self._module = module
        self._params = module.params
        self.checks: list[Check] = []
        self.facts: dict[str, Any] = {}

    def run(self) -> None:
        """Makes every check. Raises CloudError when the cloud stops answering."""
        try:
            cloud = Cloud(self._params)
        except CloudError as error:
            self.checks.append(Check("cloud", False, str(error)))
            return
        self.checks.append(
            Check("cloud", True, f"'{cloud.name}' lets {cloud.user_name} into project {cloud.project_name}")
        )
        self.checks.append(preflight.role(cloud.roles))

        volume_size = self._params["volume_size"]
        images, flavors, networks, limits, quotas, volumes, servers = concurrently(
            lambda look: look(),
            [
                lambda: self._images(cloud),
                lambda: cloud.list("compute", "/flavors/detail", "flavors"),
                lambda: cloud.list("network", "/networks", "networks"),
                lambda: self._told(cloud, "compute", "/limits"),
                lambda: self._told(cloud, "network", f"/quotas/{cloud.project_id}/details"),
                lambda: None if volume_size is None else self._told(cloud, "block-storage", "/limits"),
                lambda: observed.servers(cloud, self._params["cohort"]),
            ],
            observed.READERS,
        )
        image = self._image(images)
        flavor = self._picked("flavor", flavors)
        if image and flavor:
            self.checks.append(preflight.image_fits(image, flavor, volume_size))
        if self._params["external_network"]:
            self._picked("external_network", [network for network in networks if network.get("router:external")])

        present = {server.owner.student for server in servers}
        new = [student for student in self._params["students"] if student not in present]
        if limits:
            self.checks += preflight.compute_quotas(limits["limits"]["absolute"], flavor, len(new))
        if volumes:
            self.checks += preflight.volume_quotas(volumes["limits"]["absolute"], len(new), volume_size)
        if quotas:
            of_project = [body for body in networks if body.get("project_id") == cloud.project_id]
            own = observed.ours(map(observed.network, of_project), self._params["cohort"])
            wanted = set(self._params["students"]) if self._params["network_per_student"] else {None}
            lacking = wanted - {network.owner.student for network in own}
            floating = bool(self._params["external_network"])
            new_subnets = len(lacking) * self._params["subnet_count"]
            self.checks += preflight.network_quotas(
                quotas["quota"], len(new), floating, len(lacking), new_subnets, has_group=bool(own)
            )
        self.facts = {"new_students": new, "requests": cloud.requests}

    def _images(self, cloud: Cloud) -> list[dict[str, Any]]:
        """The images with that id or name; where there is none, all images, to find the closest name among them."""
        wanted = self._params["image"]
        if observed.UUID_PATTERN.fullmatch(wanted):  # by its id, a hidden one, too
            found = [body] if (body := cloud.get("image", f"/images/{wanted}", missing_ok=True)) else []
        else:
            found = observed.images_for(cloud, {"name": wanted})
        return found or observed.images_for(cloud)

    def _image(self, images: list[dict[str, Any]]) -> dict[str, Any] | None:
        usable = [image for image in images if image["status"] == "active"]
        wanted = self._params["image"]
        unusable = [image for image in images if image not in usable and wanted in (image["id"], image["name"])]
        if unusable and not any(wanted in (image["id"], image["name"]) for image in usable):
            detail = f"image '{wanted}' is {unusable[0]['status']}, not active"
            self.checks.append(Check("image", False, detail, "Wait for its upload to end, or upload it again."))
            return None
        return self._picked("image", usable)

    def _picked(self, option: str, found: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The one that the option names, checked; None when there isn't exactly one."""
        try:
            picked = observed.pick(option.replace("_", " "), self._params[option], found)
        except CloudError as error:
            self.checks.append(
                Check(option, False, str(error), f"Correct '{option}', or ask who runs the cloud for it.")
            )
            return None
        self.checks.append(Check(option, True, f"'{picked['name']}' ({picked['id']})"))
        return picked

    def _told(self, cloud: Cloud, service: str, path: str) -> dict[str, Any] | None:
        """What the service tells about quotas; None, and a warning, where it tells the project nothing."""
        try:
            return cloud.get(service, path)
        except CloudError as error:
            if error.status not in (403, 404):
                raise
            self._module.warn(f"The quotas of the {service} service are not checked: {error}")
            return None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    made = Preflight(module)
    with explained(module):
        made.run()
    result = {"checks": [vars(check) for check in made.checks], **made.facts}
    failed = [check for check in made.checks if not check.ok]
    if failed:
        lines = "\n".join(f"- {check}" for check in failed)
        module.fail_json(msg=f"{len(failed)} of {len(made.checks)} checks failed:\n{lines}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
