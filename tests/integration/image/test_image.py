"""The life of an image in Glance, on the development cloud: uploaded once, replaced while in use, removed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import openstack
import pytest

from tests.integration.conftest import CLOUDS, REPOSITORY, USER_CLOUD


class Images:
    """An image with a name of its own; runs the module for it."""

    def __init__(self, directory: Path, cloud: openstack.connection.Connection) -> None:
        self.directory = directory
        self.cloud = cloud
        self.name = f"test-image-{uuid.uuid4().hex[:6]}"

    def run(self, check=False, **options):
        """The module's result."""
        arguments = {"cloud": USER_CLOUD, "name": self.name, "disk_format": "raw", **options}
        output = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible")),
                "localhost",
                "--module-name=ouseful.coursevm.image",
                f"--args={json.dumps(arguments)}",
                *(["--check"] if check else []),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "OS_CLIENT_CONFIG_FILE": str(CLOUDS), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        ).stdout
        # "localhost | CHANGED => {…}"
        return json.loads(re.search(r"^localhost \| \S+ => (\{.*\})", output, re.MULTILINE | re.DOTALL)[1])

    def file(self, content: str) -> str:
        """A file to upload."""
        path = self.directory / f"{content}.raw"
        path.write_text(content * 100_000)
        return str(path)

    def found(self):
        """What Glance has of ours, hidden ones included."""
        hidden = self.cloud.image.images(is_hidden=True, tag="coursevm")
        return [*self.cloud.image.images(name=self.name), *(i for i in hidden if i.name.startswith(self.name))]


@pytest.fixture(scope="module")
def images(tmp_path_factory, cloud):
    """An image that is gone afterwards."""
    image = Images(tmp_path_factory.mktemp("images"), cloud)
    yield image
    for leftover in image.found():
        image.cloud.image.delete_image(leftover)


def verbs(result):
    return [action["verb"] for action in result["actions"]]


def test_a_missing_file_is_named(images):
    assert "filename: cannot read /nowhere: No such file" in images.run(filename="/nowhere")["msg"]


def test_check_mode_uploads_nothing(images):
    result = images.run(check=True, filename=images.file("one"))
    assert result["changed"]
    assert verbs(result) == ["upload"]
    assert images.found() == []


def test_an_image_is_uploaded_as_declared(images):
    result = images.run(filename=images.file("one"), min_disk=1, min_ram=64, properties={"os_distro": "debian"})
    assert result["changed"]
    (image,) = images.found()
    assert (image.status, image.min_disk, image.min_ram, image.os_distro) == ("active", 1, 64, "debian")
    assert image.hash_value == hashlib.sha512(b"one" * 100_000).hexdigest()
    assert image.visibility == "private"
    assert not image.is_hidden


def test_the_same_content_is_not_uploaded_again(images):
    result = images.run(filename=images.file("one"), min_disk=1, properties={"os_distro": "debian"})
    assert not result["changed"]
    assert result["requests"] <= 2


def test_a_property_is_changed_in_place(images):
    (before,) = images.found()
    assert verbs(images.run(filename=images.file("one"), min_disk=2, properties={"os_version": "12"})) == ["change"]
    (after,) = images.found()
    assert after.id == before.id
    assert (after.min_disk, after.os_version, after.os_distro) == (2, "12", "debian")


def test_a_replaced_image_stays_hidden_while_a_server_runs_from_it(images):
    (old,) = images.found()
    images.run(filename=images.file("one"), min_disk=0)
    cloud = images.cloud
    flavor = cloud.compute.find_flavor("m1.nano", ignore_missing=False)
    server = cloud.compute.create_server(
        name=images.name, image_id=old.id, flavor_id=flavor.id, networks="none", availability_zone="fake"
    )
    try:
        cloud.compute.wait_for_server(server, wait=120)
        result = images.run(filename=images.file("two"))
        assert verbs(result) == ["upload", "hide"]
        new, hidden = sorted(images.found(), key=lambda image: image.is_hidden)
        assert (new.name, new.is_hidden) == (images.name, False)
        assert (hidden.id, hidden.is_hidden) == (old.id, True)
        assert hidden.name.startswith(f"{images.name} ")
    finally:
        cloud.compute.delete_server(server)
        cloud.compute.wait_for_delete(server)


def test_the_next_replacement_removes_what_nothing_runs_from(images):
    result = images.run(filename=images.file("three"))
    assert verbs(result) == ["upload", "delete", "delete"]
    (image,) = images.found()
    assert image.hash_value == hashlib.sha512(b"three" * 100_000).hexdigest()


def test_a_fingerprint_saves_reading_the_file(images):
    images.run(filename=images.file("four"), fingerprint="build-4")
    assert not images.run(filename="/nowhere", fingerprint="build-4")["changed"]


def test_somebody_elses_image_of_the_name_is_left_alone(images):
    result = images.run(name="fake-image", filename=images.file("one"))
    assert "exists with other content" in result["msg"]


def test_absent_removes_it_once(images):
    assert verbs(images.run(state="absent")) == ["delete"]
    assert images.found() == []
    assert not images.run(state="absent")["changed"]
