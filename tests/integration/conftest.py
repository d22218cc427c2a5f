"""The development cloud as its users see it."""

from __future__ import annotations

import os
from pathlib import Path

import openstack
import pytest

REPOSITORY = Path(__file__).parents[2]
CLOUDS = Path(os.environ.get("OS_CLIENT_CONFIG_FILE", "/var/lib/coursevm/dev_cloud/clouds.yaml"))
USER_CLOUD, ADMIN_CLOUD = "coursevm-dev", "coursevm-dev-admin"


def connect(name: str) -> openstack.connection.Connection:
    """A connection of the tests' own."""
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(CLOUDS)
    return openstack.connect(cloud=name)


@pytest.fixture(scope="session")
def cloud():
    """The development cloud as its ordinary user sees it."""
    if not CLOUDS.exists():
        pytest.fail(f"{CLOUDS} is not there: start the development cloud first (make dev-cloud)")
    return connect(USER_CLOUD)


@pytest.fixture(scope="session")
def admin(cloud):
    """The development cloud as its administrator sees it."""
    return connect(ADMIN_CLOUD)
