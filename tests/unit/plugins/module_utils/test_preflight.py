"""What a launch needs against what there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils import preflight

FLAVOR = {"name": "m2.small", "disk": 5, "ram": 1024, "vcpus": 2}
GIB = 2**30


@pytest.mark.parametrize(
    ("image", "flavor", "ok"),
    [
        ({"min_disk": 5, "min_ram": 1024}, {}, True),
        ({"min_disk": 6}, {}, False),
        ({"min_ram": 1025}, {}, False),
        ({"virtual_size": 5 * GIB}, {}, True),
        ({"virtual_size": 5 * GIB + 1}, {}, False),
        ({"virtual_size": 64 * GIB}, {"disk": 0}, True),
        ({"size": 64 * GIB, "disk_format": "raw", "virtual_size": None}, {}, False),
        ({"size": 64 * GIB, "disk_format": "qcow2", "virtual_size": None}, {}, True),
    ],
)
def test_image_and_flavor(image, flavor, ok):
    image = {"name": "course", "min_disk": 0, "min_ram": 0, **image}
    check = preflight.image_fits(image, {**FLAVOR, **flavor}, None)
    assert check.ok is ok
    assert bool(check.mend) is not ok


@pytest.mark.parametrize(
    ("volume_size", "flavor", "larger"),
    [
        (8, {}, ""),
        (8, {"disk": 0}, ""),
        (7, {"disk": 64}, "volume_size"),
        (0, {"disk": 0}, "volume_size"),
        (8, {"ram": 512}, "flavor"),
        (7, {"ram": 512}, "flavor"),
    ],
)
def test_an_image_and_a_volume(volume_size, flavor, larger):
    image = {"name": "course", "min_disk": 8, "min_ram": 1024}
    check = preflight.image_fits(image, {**FLAVOR, **flavor}, volume_size)
    assert check.mend == (f"Choose a larger {larger} or make the image smaller." if larger else "")
    assert check.ok is not bool(larger)
    assert f"volume_size is {volume_size} GiB" in check.detail


def test_volume_quotas():
    absolute = {"maxTotalVolumes": 10, "totalVolumesUsed": 8, "maxTotalVolumeGigabytes": 100, "totalGigabytesUsed": 40}
    assert [check.ok for check in preflight.volume_quotas(absolute, 2, 30)] == [True, True]
    volumes, gigabytes = preflight.volume_quotas(absolute, 3, 30)
    assert volumes.detail == "3 needed, 2 free (8 of 10 in use)"
    assert str(gigabytes).startswith("quota_gigabytes: 90 needed, 60 free (40 of 100 in use). Ask for a quota of 130")


@pytest.mark.parametrize(("roles", "ok"), [(["member", "reader"], True), (["reader"], False), ([], False)])
def test_role(roles, ok):
    assert preflight.role(roles).ok is ok


@given(new=st.integers(0, 50), limit=st.integers(-1, 60), used=st.integers(0, 60))
def test_instances_are_refused_exactly_when_they_do_not_fit(new, limit, used):
    absolute = dict.fromkeys(sum(preflight.COMPUTE_LIMITS.values(), ()), -1)
    absolute |= {"maxTotalInstances": limit, "totalInstancesUsed": used}
    checks = {check.name: check for check in preflight.compute_quotas(absolute, FLAVOR, new)}
    assert checks["quota_instances"].ok == (limit < 0 or new == 0 or used + new <= limit)
    assert checks["quota_cores"].ok and checks["quota_ram"].ok


def test_the_flavor_multiplies():
    absolute = {"maxTotalInstances": 10, "totalInstancesUsed": 0, "maxTotalCores": 20, "totalCoresUsed": 18,
                "maxTotalRAMSize": 51200, "totalRAMUsed": 0}  # fmt: skip
    checks = {check.name: check for check in preflight.compute_quotas(absolute, FLAVOR, 2)}
    assert not checks["quota_cores"].ok
    assert str(checks["quota_cores"]) == (
        "quota_cores: 4 needed, 2 free (18 of 20 in use). "
        "Ask for a quota of 22 for the project, or remove what is no longer used."
    )
    assert checks["quota_ram"].detail.startswith("2048 needed")
    assert [check.name for check in preflight.compute_quotas(absolute, None, 2)] == ["quota_instances"]


@pytest.mark.parametrize(
    ("floating", "new_networks", "new_subnets", "failed"),
    [
        (True, 0, 0, ["quota_floatingip"]),
        (False, 0, 0, []),
        (False, 1, 1, ["quota_port", "quota_router"]),
        (False, 1, 2, ["quota_port", "quota_router", "quota_subnet"]),
        (False, 3, 3, ["quota_network", "quota_port", "quota_router", "quota_subnet"]),
    ],
)
def test_network_quotas(floating, new_networks, new_subnets, failed):
    quotas = {
        "security_group": {"limit": -1, "used": 9, "reserved": 0},
        "subnet": {"limit": 10, "used": 9, "reserved": 0},
        "network": {"limit": 10, "used": 8, "reserved": 0},
        "floatingip": {"limit": 5, "used": 2, "reserved": 1},
        "port": {"limit": 10, "used": 7, "reserved": 0},
        "router": {"limit": 1, "used": 1, "reserved": 0},
    }
    checks = preflight.network_quotas(quotas, 3, floating, new_networks, new_subnets, has_group=not new_networks)
    assert sorted(check.name for check in checks if not check.ok) == failed
