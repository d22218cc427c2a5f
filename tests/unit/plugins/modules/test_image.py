"""What becomes of an earlier image that Glance doesn't delete."""

from __future__ import annotations

import pytest
from misbehaving import login

from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import Action
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_image import Image
from ansible_collections.ouseful.coursevm.plugins.modules import image

EARLIER = {"id": "i-1", "name": "debian", "created_at": "2026-01-01T00:00:00Z", "os_hidden": False}
DELETE = Action("delete", "image", "debian", id="i-1")
IN_USE = (409, "Image i-1 could not be deleted because it is in use")


def test_an_earlier_image_that_stays_loses_its_name(server):
    server.answers = [IN_USE, (200, {})]
    (warning,) = image.apply(login(server), Image("debian"), [DELETE], {}, [EARLIER])
    assert "debian (i-1) can't be deleted yet and stays hidden" in warning
    method, path, changes = server.seen[-1]
    assert (method, path) == ("PATCH", "/img/v2/images/i-1")
    assert {change["path"]: change["value"] for change in changes} == {
        "/name": "debian 2026-01-01T00:00:00Z",
        "/os_hidden": True,
    }


def test_one_that_is_hidden_already_stays_as_it_is(server):
    server.answers = [IN_USE]
    assert len(image.apply(login(server), Image("debian"), [DELETE], {}, [EARLIER | {"os_hidden": True}])) == 1


def test_an_image_that_is_to_be_gone_and_stays_is_an_error(server):
    server.answers = [IN_USE]
    with pytest.raises(CloudError, match="in use"):
        image.apply(login(server), Image("debian", present=False), [DELETE], {}, [EARLIER])
