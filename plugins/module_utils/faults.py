# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Nova's terse faults mean, for those who may see nothing but the message."""

from __future__ import annotations

# (part of Nova's message, what it means and where to look)
MEANINGS = (
    (
        "No valid host was found",
        "no host could take it: flavor too big for what is free, availability zone wrong, or image properties "
        "(architecture, machine type) that no host has",
    ),
    (
        "Exhausted all hosts",
        "up to three hosts tried and failed: port binding, CPU or machine properties of the image, a full disk, or the "
        "download of the image",
    ),
    (
        "exceeded maximum number of retries",
        "up to three hosts tried and failed: port binding, CPU or machine properties of the image, a full disk, or the "
        "download of the image",
    ),
    (
        "Flavor's disk is too small",
        "the image's virtual disk is larger than the flavor's: use a larger flavor or shrink the image",
    ),
    ("Image is unacceptable", "the image can't be used as it is: check its format and properties"),
    ("Failed to allocate the network", "Neutron didn't give the port in time: check the network's agents and quotas"),
    ("quota", "a quota of the project is used up: ask for more, or remove what is no longer used"),
    (
        "Block Device",
        "the volume to boot from was not made: it must be as large as the image, and Cinder must have room for it",
    ),
    (
        "aborted",
        "the build stopped for a reason that lies in the request: flavor disk too small, image unacceptable, or no "
        "address left on the network",
    ),
)


def is_quota(fault: str | None) -> bool:
    """Whether a quota is used up: trying again would not help."""
    return "quota" in (fault or "").casefold()


def explain(fault: str | None) -> str:
    """Nova's own words, and what they mean where that is known."""
    if not fault:
        return "Nova gives no reason"
    meaning = next((meaning for part, meaning in MEANINGS if part.casefold() in fault.casefold()), None)
    said = fault.strip().rstrip(".")
    return f"{said} - {meaning}" if meaning else said
