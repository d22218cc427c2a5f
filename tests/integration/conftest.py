"""The development cloud as its users see it."""

from __future__ import annotations

import os
import subprocess
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


def complaints() -> str:
    """What nova-compute logged last of its failures: the cloud's users see that a server failed, not why."""
    command = "sed -En 's/^(.{19}).* ERROR (.*)/\\1 \\2/p' /var/log/nova/nova-compute.log | tail -n 20"
    logged = subprocess.run(
        ["podman", "exec", "coursevm-dev-cloud", "sh", "-c", command], capture_output=True, text=True, check=False
    )
    return logged.stdout + logged.stderr


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
