"""Properties of the planning of an image, and its words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import PlanError
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_image import (
    FINGERPRINT,
    GENERATION_OF,
    Image,
    current,
    plan,
)

PROJECT = "p-1"
NAME = "debian"


def glance(number, **fields):
    """An image as Glance lists it: by default one that this collection uploaded."""
    return {
        "id": f"i-{number}",
        "name": NAME,
        "status": "active",
        "owner": PROJECT,
        "tags": ["coursevm"],
        "visibility": "private",
        "os_hidden": False,
        "os_hash_value": f"sha-{number}",
        "created_at": f"2026-01-0{number % 9 + 1}T00:00:00Z",
        "min_disk": 3,
        FINGERPRINT: "old",
        GENERATION_OF: NAME,
        **fields,
    }


def carry_out(actions, images, wanted):
    """What Glance has after the actions."""
    after = {image["id"]: dict(image) for image in images}
    for action in actions:
        if action.verb == "upload":
            after["new"] = {**glance(0, id="new", os_hash_value="sha-new"), **wanted.fields}
            after["new"][FINGERPRINT] = wanted.fingerprint
        elif action.verb == "delete":
            del after[action.id]
        else:
            after[action.id].update(action.after)
    return list(after.values())


fields = st.fixed_dictionaries(
    {},
    optional={
        "min_disk": st.sampled_from([3, 5]),
        "visibility": st.sampled_from(["private", "shared"]),
        "os_distro": st.just("debian"),
    },
)
wanted_images = st.builds(
    Image, st.just(NAME), st.sampled_from(["old", "new", "sha-1"]), fields, st.sampled_from([True, True, False])
)
own_images = st.builds(
    dict,
    status=st.sampled_from(["active", "queued", "saving"]),
    visibility=st.sampled_from(["private", "shared"]),
    os_hidden=st.booleans(),
)


@st.composite
def clouds(draw):
    """Images of ours, some perhaps uploaded at the same time, and of others, under other names."""
    images = [glance(number, **facts) for number, facts in enumerate(draw(st.lists(own_images, max_size=4)), 1)]
    for image in images:
        if image["status"] != "active":
            image["os_hidden"] = True
        if image["os_hidden"]:
            image["name"] = f"{NAME} {image['id']}"
    others = [glance(9, name="other", **{GENERATION_OF: "other"}), glance(8, name="theirs", owner="p-2", tags=[])]
    return images + others


@given(clouds(), wanted_images, st.lists(st.sampled_from(["i-1", "i-2", "i-3"])))
def test_carrying_out_a_plan_settles_it(images, wanted, running):
    servers = {image_id: running.count(image_id) for image_id in running}
    actions = plan(wanted, images, PROJECT, servers).actions
    after = carry_out(actions, images, wanted)
    assert plan(wanted, after, PROJECT, servers).settled
    assert current(wanted, after, PROJECT) or not wanted.present
    assert len([image for image in after if image["name"] == NAME]) <= 1
    assert {"i-9", "i-8"} <= {image["id"] for image in after}


@given(clouds(), wanted_images, st.lists(st.sampled_from(["i-1", "i-2", "i-3"])))
def test_a_replaced_image_stays_as_long_as_somebody_may_run_from_it(images, wanted, running):
    servers = {image_id: running.count(image_id) for image_id in running}
    actions = plan(wanted, images, PROJECT, servers).actions if wanted.present else ()
    deleted = [image for image in images if image["id"] in {action.id for action in actions if action.verb == "delete"}]
    assert not [image for image in deleted if image["status"] == "saving"]
    finished = [image for image in deleted if image["status"] == "active"]
    assert all(image["visibility"] == "private" and not servers.get(image["id"]) for image in finished)


def test_a_replaced_image_is_renamed_and_hidden_with_the_reason():
    words = plan(Image(NAME, "new"), [glance(1)], PROJECT, {"i-1": 2}).in_words()
    assert words == (
        "~ upload image debian\n"
        "~ hide image debian: name debian -> debian 2026-01-02T00:00:00Z, os_hidden False -> True "
        "(replaced, 2 servers run from it)\n"
    )


def test_of_two_that_were_uploaded_at_the_same_time_the_older_stays():
    actions = plan(Image(NAME, "old"), [glance(2), glance(1)], PROJECT, {}).actions
    assert [(action.verb, action.id) for action in actions] == [("delete", "i-2")]


def test_an_image_with_that_content_from_elsewhere_is_used_as_it_is():
    public = glance(1, owner="p-2", tags=[], visibility="public")
    assert plan(Image(NAME, "sha-1", {"min_disk": 9}), [public], PROJECT, {}).settled


def test_the_name_of_somebody_elses_image_is_not_taken():
    public = glance(1, owner="p-2", tags=[], visibility="public")
    with pytest.raises(PlanError, match=r"image debian \(i-1, public\) exists with other content"):
        plan(Image(NAME, "new"), [public], PROJECT, {})
