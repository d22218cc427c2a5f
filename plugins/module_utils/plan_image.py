# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do about an image in Glance: a pure function of what is wanted and what is there.

An image says with the tag ``coursevm`` that it is ours, with one property which content it has (the fingerprint), and
with another which image it is a generation of: servers keep running from an earlier one, which is therefore renamed and
hidden rather than lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import PREFIX
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Action, Plan, PlanError

FINGERPRINT = f"{PREFIX}_fingerprint"
GENERATION_OF = f"{PREFIX}_generation_of"


@dataclass(frozen=True)
class Image:
    """A wanted image: ``fields`` has what is declared of min_disk (GiB), min_ram (MiB), visibility and properties."""

    name: str
    fingerprint: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    present: bool = True


def current(wanted: Image, found: Iterable[Mapping[str, Any]], project_id: str) -> Mapping[str, Any] | None:
    """The image with that name and content, own or another project's, among those that Glance lists.

    Raises PlanError when the name is taken by an image with other content that isn't ours.
    """
    named = [image for image in found if image["name"] == wanted.name and image["status"] == "active"]
    # The oldest: two who upload at the same time agree on it
    named.sort(key=lambda image: (not is_own(image, project_id), image["created_at"], image["id"]))
    for image in named:
        if wanted.fingerprint in (image.get(FINGERPRINT), image.get("os_hash_value")):
            return image
    for image in named:
        if not is_own(image, project_id):
            raise PlanError(
                f"image {wanted.name} ({image['id']}, {image['visibility']}) exists with other content, and this "
                "project did not upload it with this collection, so it is left alone; choose another name or remove it."
            )
    return None


def plan(wanted: Image, found: Iterable[Mapping[str, Any]], project_id: str, servers: Mapping[str, int]) -> Plan:
    """Steps from the images ``found`` (hidden ones included) to the wanted one.

    ``servers`` tells how many servers of the project run from an image, by its id. Raises PlanError as ``current``.
    """
    found = list(found)
    own = [image for image in found if is_own(image, project_id) and _generation_of(image) == wanted.name]
    if not wanted.present:
        return Plan(tuple(Action("delete", "image", image["name"], id=image["id"]) for image in own))
    image = current(wanted, found, project_id)
    if image is None:
        upload = Action("upload", "image", wanted.name, after={"fingerprint": wanted.fingerprint, **wanted.fields})
        return Plan((upload, *filter(None, (_put_away(earlier, servers.get(earlier["id"], 0)) for earlier in own))))
    if not is_own(image, project_id):
        return Plan()
    before = {key: image.get(key) for key, value in wanted.fields.items() if image.get(key) != value}
    after = {key: wanted.fields[key] for key in before}
    change = Action("change", "image", wanted.name, id=image["id"], before=before, after=after) if before else None
    twins = [
        other for other in own if other["name"] == wanted.name and other["status"] == "active" and other is not image
    ]
    away = (_put_away(twin, servers.get(twin["id"], 0)) for twin in twins)
    return Plan(tuple(filter(None, (change, *away))))


def is_settled(wanted: Image, found: Collection[Mapping[str, Any]], project_id: str) -> bool:
    """Whether there is one image of that name, with that content: then no other has to be looked at."""
    return len(found) == 1 and current(wanted, found, project_id) is not None


def is_own(image: Mapping[str, Any], project_id: str) -> bool:
    """Whether this collection uploaded the image, for this project."""
    return PREFIX in image.get("tags", ()) and image.get("owner") == project_id


def _generation_of(image: Mapping[str, Any]) -> str:
    return image.get(GENERATION_OF) or image["name"]


def _put_away(image: Mapping[str, Any], servers: int) -> Action | None:
    """What becomes of an earlier generation, or of what an interrupted upload left.

    Who else runs servers from an image that is not private can't be seen, so such a one is never deleted.
    """
    if image["status"] == "saving":
        return None  # somebody is uploading
    if image["status"] != "active":
        return Action("delete", "image", image["name"], id=image["id"], note="left by an interrupted upload")
    if not servers and image["visibility"] == "private":
        return Action("delete", "image", image["name"], id=image["id"], note="replaced, and no server runs from it")
    if image.get("os_hidden"):
        return None
    before = {"name": image["name"], "os_hidden": False}
    why = f"{servers} servers run from it" if servers else f"others may use it, visibility {image['visibility']}"
    return Action(
        "hide", "image", image["name"], id=image["id"], before=before, after=hidden(image), note=f"replaced, {why}"
    )


def hidden(image: Mapping[str, Any]) -> dict[str, Any]:
    """What an earlier generation is given so that it is found by its id only."""
    return {"name": f"{image['name']} {image['created_at']}", "os_hidden": True}
