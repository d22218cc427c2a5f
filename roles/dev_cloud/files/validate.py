#!/usr/bin/env python3
"""Prints, one a line, what would keep the cloud from being built or started on this machine; changes nothing.

Environment: VALIDATE, a JSON object with probe (what probe.py found), build (true: there is no image yet), interface,
management_network, external_network, client_networks, state_dir, min_free_disk and min_free_memory (MiB).
"""

import ipaddress
import json
import os
import shutil
import subprocess

MIB = 1024 * 1024


def existing_parent(path):
    """The path, or its nearest parent that exists."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def machine(wanted):
    """Problems of the machine itself."""
    probe = wanted["probe"]
    if not probe["root"]:
        yield "This role creates namespaces and containers as root. Run the playbook as root, or with --become."
    if probe["missing_packages"] and not shutil.which("apt-get"):
        yield (
            f"The packages {', '.join(probe['missing_packages'])} are missing, and there is no apt-get to install "
            "them with. Use a machine with Debian 12 or a system derived from it."
        )
    if not os.path.exists("/dev/net/tun"):
        yield (
            "/dev/net/tun is missing: the VMs have no network without it. Load the module tun, or use a kernel that "
            "has it."
        )


def disk(wanted):
    """Too little room, for what is still to be done, on the file systems that are written to."""
    what, variable = ("building", "build") if wanted["build"] else ("starting", "start")
    for path in {existing_parent(path) for path in ("/var/lib/containers/storage", wanted["state_dir"])}:
        free = shutil.disk_usage(path).free // MIB
        if free < wanted["min_free_disk"]:
            yield (
                f"{path}: {free} MiB are free, and {what} the cloud needs {wanted['min_free_disk']} MiB "
                f"(dev_cloud_min_free_disk_{variable}). Make room there."
            )


def memory(wanted):
    """Too little memory for another cloud; one that runs has its memory already."""
    if wanted["probe"]["container"]["state"] == "running":
        return
    with open("/proc/meminfo", encoding="ascii") as file:
        available = next(int(line.split()[1]) // 1024 for line in file if line.startswith("MemAvailable:"))
    if available < wanted["min_free_memory"]:
        yield (
            f"{available} MiB of memory are available, and the cloud needs {wanted['min_free_memory']} MiB "
            "(dev_cloud_min_free_memory), besides that of its VMs. Stop something, or use a larger machine."
        )


def ip(*command):
    """What ip(8) lists, or nothing where there is no ip."""
    if not shutil.which("ip"):
        return []
    done = subprocess.run(["ip", "-json", "-4", *command], capture_output=True, text=True, check=False)
    return json.loads(done.stdout or "[]")


def taken(interface):
    """(network, where) for every IPv4 route and address of the machine which is not this cloud's own."""
    found = [(route["dst"], "route", route.get("dev")) for route in ip("route", "show", "table", "all")]
    for link in ip("address"):
        found += [(f"{entry['local']}/{entry['prefixlen']}", "address", link["ifname"]) for entry in link["addr_info"]]
    return [
        (ipaddress.IPv4Network(cidr, strict=False), f"the {what} {cidr} of {device}")
        for cidr, what, device in found
        if cidr != "default" and device != interface
    ]


def ranges(wanted):
    """Ranges that are in use already."""
    for cidr in wanted["client_networks"]:
        try:
            ipaddress.IPv4Network(cidr)
        except ValueError as error:
            yield f"dev_cloud_client_networks: {error}; give networks such as 10.1.0.0/16"
    ours = {name: ipaddress.IPv4Network(wanted[name]) for name in ("management_network", "external_network")}
    if ours["management_network"].overlaps(ours["external_network"]):
        yield (
            f"dev_cloud_management_network {ours['management_network']} and dev_cloud_external_network "
            f"{ours['external_network']} overlap. Give ranges that do not."
        )
    others = taken(wanted["interface"])
    for name, network in ours.items():
        what = next((what for other, what in others if network.overlaps(other)), None)
        if what:
            yield f"dev_cloud_{name}: {network} overlaps with {what}. Choose a range that this machine does not use."


def main():
    wanted = json.loads(os.environ["VALIDATE"])
    for check in (machine, disk, memory, ranges):
        for problem in check(wanted):
            print(problem)


main()
