#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An image in Glance, uploaded only when its content isn't there yet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image
short_description: Uploads an image to Glance, once
description:
  - Uploads a disk image unless an image of that name and content is there already. What the content is, is said by
    O(fingerprint), or else found by comparing the file's SHA-512 with the one that Glance keeps.
  - A new content replaces the old one without a moment in which the name leads nowhere. The new image is uploaded
    hidden, verified and then takes the name over. The earlier one is deleted when it is private and no server of the
    project runs from it. Otherwise it is renamed (its name and the time of its upload) and hidden, because
    Nova needs it to rebuild, migrate or evacuate those servers; a later replacement deletes it once it is unused.
  - Only images that this module uploaded for this project (tag C(coursevm)) are changed or removed. An image of
    the same name and content from elsewhere is used as it is; one of the same name and other content is an error.
version_added: 0.1.0
author: The ouseful.coursevm contributors (@ouseful)
extends_documentation_fragment:
  - ouseful.coursevm.cloud
options:
  name:
    description: Name of the image.
    type: str
    required: true
  filename:
    description:
      - Path of the file to upload. Needed with O(state=present), except that it need not exist as long as an
        image with that O(fingerprint) does.
    type: path
  fingerprint:
    description:
      - Any text that is the same for the same content, for example a hash of what the image was built from. Kept in
        the property C(coursevm_fingerprint).
      - Without it the file's own SHA-512 is used.
    type: str
  disk_format:
    description: Format of the file.
    type: str
    default: qcow2
  min_disk:
    description: The smallest disk in GiB that a flavor must have. Unset means no change.
    type: int
  min_ram:
    description: The smallest memory in MiB that a flavor must have. Unset means no change.
    type: int
  visibility:
    description: Who sees the image. Most clouds let only administrators make it V(public). Unset means no change.
    type: str
    choices: [private, shared, community, public]
  properties:
    description: More properties of the image. Others that it has are left alone.
    type: dict
    default: {}
  state:
    description: Whether the image is there. V(absent) removes its earlier generations as well.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Tells what would be done.
    support: full
  diff_mode:
    description: Shows the plan, one line for each step.
    support: full
"""

EXAMPLES = r"""
- name: Upload the course's image when it isn't there
  ouseful.coursevm.image:
    cloud: faculty
    name: coursevm-debian-12
    filename: /var/lib/coursevm/images/coursevm-debian-12.qcow2
    min_disk: 3
    min_ram: 512
    properties:
      os_distro: debian

- name: Remove it at the end of the course
  ouseful.coursevm.image:
    cloud: faculty
    name: coursevm-debian-12
    state: absent
"""

RETURN = r"""
image:
  description: The image as Glance has it; empty when it is absent, and in check mode when it would be uploaded.
  returned: success
  type: dict
  contains:
    id: {description: Its ID., type: str}
    name: {description: Its name., type: str}
    size: {description: Bytes uploaded., type: int}
    status: {description: Its status., type: str}
    visibility: {description: Who sees it., type: str}
actions:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    verb: {description: 'C(upload), C(change), C(hide) or C(delete).', type: str}
    name: {description: Name of the image., type: str}
    id: {description: ID of the image; null for one that is uploaded., type: str}
requests:
  description: Number of HTTP requests made.
  returned: success
  type: int
"""

import hashlib
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CONNECTION_ARGUMENTS, Cloud, CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import images_for
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import PREFIX
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_image import (
    FINGERPRINT,
    GENERATION_OF,
    Image,
    current,
    hidden,
    is_own,
    is_settled,
    plan,
)
from ansible_collections.ouseful.coursevm.plugins.module_utils.running import explained

ARGUMENTS = {
    **CONNECTION_ARGUMENTS,
    "name": {"type": "str", "required": True},
    "filename": {"type": "path"},
    "fingerprint": {"type": "str"},
    "disk_format": {"type": "str", "default": "qcow2"},
    "min_disk": {"type": "int"},
    "min_ram": {"type": "int"},
    "visibility": {"type": "str", "choices": ["private", "shared", "community", "public"]},
    "properties": {"type": "dict", "default": {}},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
# Seconds for Glance to take the next block, or to finish with the last one on a slow store.
UPLOAD_TIMEOUT = 1800


def change(cloud: Cloud, image_id: str, changes: dict[str, Any]) -> None:
    """Set fields and properties of an image. Raises CloudError."""
    body = [{"op": "add", "path": f"/{key}", "value": value} for key, value in changes.items()]
    content_type = "application/openstack-images-v2.1-json-patch"
    cloud.request("image", "PATCH", f"/images/{image_id}", body=body, content_type=content_type)


def sha512(filename: str) -> str:
    """SHA-512 of a file, in hexadecimal. Raises OSError."""
    with open(filename, "rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()


def wanted_image(parameters: dict[str, Any]) -> Image:
    """The wanted image. Raises OSError when the file is needed and can't be read."""
    fields = {key: parameters[key] for key in ("min_disk", "min_ram", "visibility") if parameters[key] is not None}
    # Glance keeps properties as text
    fields.update({key: str(value) for key, value in parameters["properties"].items()})
    present = parameters["state"] == "present"
    fingerprint = parameters["fingerprint"] or (sha512(parameters["filename"]) if present else "")
    return Image(parameters["name"], fingerprint, fields, present)


def observe(cloud: Cloud, wanted: Image) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The images of that name, and when one has to be put away, its generations and the servers that run from each."""
    images = images_for(cloud, {"name": wanted.name})
    if wanted.present and is_settled(wanted, images, cloud.project_id):
        return images, {}
    images += images_for(cloud, {"tag": PREFIX, "os_hidden": "true"})
    servers = {
        image["id"]: len(cloud.list("compute", "/servers", "servers", {"image": image["id"]}))
        for image in images
        if wanted.present and is_own(image, cloud.project_id)
    }
    return images, servers


def upload(cloud: Cloud, wanted: Image, filename: str, disk_format: str) -> str:
    """Upload under another name and hidden, verify, and return the ID. Raises CloudError, OSError."""
    checksum = sha512(filename)
    body = {
        "name": f"{wanted.name} {wanted.fingerprint[:16]}",
        "disk_format": disk_format,
        "container_format": "bare",
        "os_hidden": True,
        "tags": [PREFIX],
        FINGERPRINT: wanted.fingerprint,
        GENERATION_OF: wanted.name,
        "visibility": "private",
        **wanted.fields,
    }
    image_id = cloud.post("image", "/images", body)["id"]
    try:
        with open(filename, "rb") as file:
            cloud.request(
                "image",
                "PUT",
                f"/images/{image_id}/file",
                file=file,
                content_type="application/octet-stream",
                timeout=UPLOAD_TIMEOUT,
            )
        image = cloud.get("image", f"/images/{image_id}")
        if image["status"] != "active":
            raise CloudError(f"The uploaded image {image_id} has status {image['status']}, not active.")
        if image.get("os_hash_algo") == "sha512" and image["os_hash_value"] != checksum:
            raise CloudError(f"Glance received something else than {filename}: its SHA-512 differs. Run again.")
    except CloudError:
        cloud.delete("image", f"/images/{image_id}")
        raise
    return image_id


def apply(
    cloud: Cloud, wanted: Image, actions: Any, parameters: dict[str, Any], images: list[dict[str, Any]]
) -> list[str]:
    """Carry out the steps of a plan for these ``images`` in their order.

    Returns warnings. Raises CloudError, OSError.
    """
    warnings = []
    for action in actions:
        if action.verb == "upload":
            uploaded = upload(cloud, wanted, parameters["filename"], parameters["disk_format"])
            # Before the earlier one loses the name: who is interrupted here leaves two, which the next run settles
            change(cloud, uploaded, {"name": wanted.name, "os_hidden": False})
        elif action.verb in ("change", "hide"):
            change(cloud, action.id, dict(action.after))
    # last: what goes wrong here is mended by the next replacement
    for action in actions:
        if action.verb != "delete":
            continue
        try:
            cloud.delete("image", f"/images/{action.id}")
        except CloudError as error:
            # Protected, or a volume is a clone of it: it mustn't keep the name, which is the other's now
            earlier = next((image for image in images if image["id"] == action.id), None)
            if not wanted.present or error.status not in (403, 409) or not earlier:
                raise
            if not earlier.get("os_hidden"):
                change(cloud, action.id, hidden(earlier))
            warnings.append(f"{action.name} ({action.id}) can't be deleted yet and stays hidden: {error}")
    return warnings


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan and, unless in check mode, apply. Raises CloudError, PlanError, OSError."""
    wanted = wanted_image(module.params)
    cloud = Cloud(module.params)
    images, servers = observe(cloud, wanted)
    planned = plan(wanted, images, cloud.project_id, servers)
    warnings = []
    if planned.actions and not module.check_mode:
        warnings += apply(cloud, wanted, planned.actions, module.params, images)
        # Who uploaded at the same time has made a second one
        images, servers = observe(cloud, wanted)
        again = plan(wanted, images, cloud.project_id, servers)
        warnings += apply(cloud, wanted, again.actions, module.params, images)
    return {
        "changed": bool(planned.actions),
        "image": dict((wanted.present and current(wanted, images, cloud.project_id)) or {}),
        "actions": [{"verb": action.verb, "name": action.name, "id": action.id} for action in planned.actions],
        "requests": cloud.requests,
        "warnings": warnings,
        "diff": {"prepared": planned.in_words()},
    }


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "present", ["filename"])],
        supports_check_mode=True,
    )
    with explained(module):
        try:
            result = run(module)
        except OSError as error:
            module.fail_json(msg=f"filename: cannot read {module.params['filename']}: {os.strerror(error.errno)}.")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
