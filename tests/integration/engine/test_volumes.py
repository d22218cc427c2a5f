"""Servers that boot from a volume, in the order of the tests. Cinder is real, its volumes hold nothing."""

from __future__ import annotations

import pytest

from tests.integration.engine.test_life_of_a_cohort import UNCHANGED_BUDGET, cold_budget

STUDENTS = ["ada", "grace"]
SIZE = 3  # GiB


@pytest.fixture(scope="module", autouse=True)  # before the engine, and so over after it
def volumes(cloud, admin):
    """Ids of the project's volumes, asked anew at each call; what the tests leave is removed at the end."""

    def ids():
        return {volume.id for volume in cloud.block_storage.volumes()}

    before = ids()
    yield lambda: ids() - before
    admin.block_storage.revert_quota_set(cloud.current_project_id)
    for leftover in ids() - before:
        cloud.block_storage.delete_volume(leftover)


def volume_of(engine, student):
    """Id of the only volume of a student's server."""
    (attached,) = engine.server(student).attached_volumes
    return attached["id"]


def on_volumes(engine, *students, **changes):
    return engine.instances(*(students or STUDENTS), **{"volume_size": SIZE, **changes})


def test_each_boots_from_a_volume_of_its_own_made_from_the_image(engine, volumes, cloud):
    assert not engine.call(engine.stack()).get("failed")
    planned = engine.call(on_volumes(engine), check=True)
    assert volumes() == set()
    done = engine.call(on_volumes(engine))
    assert not done.get("failed"), done.get("msg")
    assert done["requests"] - done["polls"] <= cold_budget(len(STUDENTS))
    assert [one["actions"] for one in planned["instances"]] == [one["actions"] for one in done["instances"]]
    image = cloud.image.find_image("fake-image", ignore_missing=False)
    for instance in done["instances"]:
        assert (instance["status"], instance["drift"]) == ("ACTIVE", [])
        assert not dict(engine.server(instance["student"]).image or {}).get("id")
        volume = cloud.block_storage.get_volume(volume_of(engine, instance["student"]))
        assert (volume.size, volume.status, volume.is_bootable) == (SIZE, "in-use", True)
        assert volume.volume_image_metadata["image_id"] == image.id
    assert len(volumes()) == len(STUDENTS)


def test_unchanged_is_as_cheap_as_without_volumes(engine, volumes):
    again = engine.call(on_volumes(engine))
    assert (again["changed"], again["requests"] < UNCHANGED_BUDGET) == (False, True)
    assert [one["drift"] for one in again["instances"]] == [[], []]


def test_another_size_and_another_kind_of_disk_are_drift(engine, volumes):
    larger = engine.call(on_volumes(engine, volume_size=SIZE + 1))
    without = engine.call(on_volumes(engine, volume_size=None))
    assert (larger["changed"], without["changed"]) == (False, False)
    for result, field in ((larger, "volume"), (without, "image")):
        for instance in result["instances"]:
            (difference,) = instance["drift"]
            assert f": {field} is " in difference


def test_a_rebuild_is_refused_and_the_volumes_stay(engine, volumes):
    before = volumes()
    refused = engine.call(on_volumes(engine, state="rebuilt"))
    assert refused["failed_students"] == STUDENTS
    assert "boots from a volume, which a rebuild would not empty" in refused["msg"]
    assert not refused["changed"]
    assert volumes() == before


def test_a_shelved_server_comes_back_with_its_volume(engine, volumes):
    before = volume_of(engine, "ada")
    shelved = ("instances", {"state": "shelved", "timeout": 120, "instances": [{"student": "ada"}]})
    assert not engine.call(shelved).get("failed")
    assert engine.server("ada").status == "SHELVED_OFFLOADED"
    started = engine.call(on_volumes(engine, "ada", state="started"))
    assert not started.get("failed"), started.get("msg")
    assert (engine.server("ada").status, volume_of(engine, "ada")) == ("ACTIVE", before)


def test_whether_a_volume_goes_with_its_server_is_changed_in_place(engine, volumes):
    """Of a server that is stopped, too."""
    own = volume_of(engine, "ada")
    stopped = ("instances", {"state": "stopped", "timeout": 120, "instances": [{"student": "ada"}]})
    assert not engine.call(stopped).get("failed")
    kept = on_volumes(engine, "ada", delete_on_termination=False)
    planned, done, again = engine.call(kept, check=True), engine.call(kept), engine.call(kept)
    change = f"change volume of {engine.cohort}-ada: delete_on_termination True -> False"
    assert not done.get("failed"), done.get("msg")
    assert [result["instances"][0]["actions"] for result in (planned, done, again)] == [[change], [change], []]
    gone = engine.call(engine.instances(*STUDENTS, state="absent"))
    assert not gone.get("failed"), gone.get("msg")
    assert f"delete server {engine.cohort}-ada (leaves volume {own})" in gone["instances"][0]["actions"]
    assert volumes() == {own}


def test_a_volume_that_is_to_stay_does_so_from_the_beginning(engine, volumes):
    kept = on_volumes(engine, "zoe", delete_on_termination=False)
    made, again = engine.call(kept), engine.call(kept)
    assert not made.get("failed"), made.get("msg")
    assert not again["changed"]
    own = volume_of(engine, "zoe")
    assert not engine.call(engine.instances("zoe", state="absent")).get("failed")
    assert own in volumes()


def test_a_quota_of_volumes_stops_those_alone_who_get_none(engine, volumes, cloud, admin):
    """Two volumes are there, which have stayed."""
    admin.block_storage.update_quota_set(cloud.current_project_id, volumes=len(volumes()) + 1)
    try:
        hit = engine.call(on_volumes(engine))
    finally:
        admin.block_storage.revert_quota_set(cloud.current_project_id)
    (failed,) = hit["failed_students"]
    assert "Maximum number of volumes allowed" in hit["msg"]
    assert "a quota of the project is used up" in hit["msg"]
    more = engine.call(on_volumes(engine))
    assert not more.get("failed"), more.get("msg")
    assert [one["student"] for one in more["instances"] if one["actions"]] == [failed]
    gone = engine.call(engine.instances(*STUDENTS, state="absent"))
    assert not gone.get("failed"), gone.get("msg")
    assert len(volumes()) == 2
    assert not engine.call(engine.stack(state="absent")).get("failed")
    assert not any(engine.remains().values())
