# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a launch needs, compared with what the cloud's answers say there is. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

GIB = 2**30
#: Names of a limit and of its use in Nova's answer, by the quota's name; RAM is in MiB.
COMPUTE_LIMITS = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "ram": ("maxTotalRAMSize", "totalRAMUsed"),
}
#: The same in Cinder's answer; gigabytes are GiB.
VOLUME_LIMITS = {
    "volumes": ("maxTotalVolumes", "totalVolumesUsed"),
    "gigabytes": ("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
}


@dataclass(frozen=True)
class Check:
    """One requirement. `mend` is empty when it is met."""

    name: str
    ok: bool
    detail: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.detail.rstrip('.')}. {self.mend}".rstrip()


def role(roles: Collection[str]) -> Check:
    """Whether the user may do more than look."""
    listed = ", ".join(roles) or "none"
    if set(roles) <= {"reader"}:
        return Check("role", False, f"roles in the project: {listed}", "Ask for the role member in the project.")
    return Check("role", True, f"roles in the project: {listed}")


def image_fits(image: Mapping[str, Any], flavor: Mapping[str, Any], volume_size: int | None) -> Check:
    """Whether instances can be made from the image: the cloud's own error for that is misleading.

    Their disk is the flavor's, or a volume of so many GiB.
    """
    size = image.get("virtual_size") or (image.get("size") if image.get("disk_format") == "raw" else 0) or 0
    disk = max(image.get("min_disk") or 0, -(-size // GIB))
    ram = image.get("min_ram") or 0
    wanted = f"image '{image['name']}' needs a disk of {disk} GiB and {ram} MiB of RAM"
    given = f"flavor '{flavor['name']}' has {flavor['disk']} GiB and {flavor['ram']} MiB"
    if volume_size is not None:
        given = f"volume_size is {volume_size} GiB, and flavor '{flavor['name']}' has {flavor['ram']} MiB"
    has = volume_size if volume_size is not None else flavor["disk"] or disk  # a disk of 0 takes the image's size
    if has < disk or flavor["ram"] < ram:
        larger = "flavor" if volume_size is None or flavor["ram"] < ram else "volume_size"
        mend = f"Choose a larger {larger} or make the image smaller."
        return Check("image_fits_flavor", False, f"{wanted}; {given}", mend)
    return Check("image_fits_flavor", True, f"{wanted}; {given}")


def compute_quotas(absolute: Mapping[str, int], flavor: Mapping[str, Any] | None, new: int) -> Iterator[Check]:
    """The quotas of Nova for `new` instances; those that depend on the flavor only when there is one."""
    needed = {"instances": new}
    if flavor:
        needed |= {"cores": new * flavor["vcpus"], "ram": new * flavor["ram"]}
    for name, number in needed.items():
        limit, used = COMPUTE_LIMITS[name]
        yield _quota(name, number, absolute[limit], absolute[used])


def volume_quotas(absolute: Mapping[str, int], new: int, volume_size: int) -> Iterator[Check]:
    """The quotas of Cinder for `new` instances, each with a volume of so many GiB."""
    for name, number in {"volumes": new, "gigabytes": new * volume_size}.items():
        limit, used = VOLUME_LIMITS[name]
        yield _quota(name, number, absolute[limit], absolute[used])


def network_quotas(
    quotas: Mapping[str, Mapping[str, int]],
    new: int,
    floating: bool,
    new_networks: int,
    new_subnets: int,
    *,
    has_group: bool,
) -> Iterator[Check]:
    """The quotas of Neutron for `new` instances, with floating IPs or without, and for so many networks and subnets."""
    # A new network takes a port for DHCP, and each of its subnets one for the router.
    needed = {"port": new + new_networks + new_subnets}
    if floating:
        needed["floatingip"] = new
    if new_networks:
        needed |= {"network": new_networks, "subnet": new_subnets, "router": new_networks}
    if not has_group:
        needed["security_group"] = 1
    for name, number in needed.items():
        if name in quotas:
            yield _quota(name, number, quotas[name]["limit"], quotas[name]["used"] + quotas[name].get("reserved", 0))


def _quota(name: str, needed: int, limit: int, used: int) -> Check:
    if limit < 0:
        return Check(f"quota_{name}", True, f"{needed} needed, no limit")
    detail = f"{needed} needed, {max(0, limit - used)} free ({used} of {limit} in use)"
    if needed and used + needed > limit:
        mend = f"Ask for a quota of {used + needed} for the project, or remove what is no longer used."
        return Check(f"quota_{name}", False, detail, mend)
    return Check(f"quota_{name}", True, detail)
