#!/usr/bin/env python3
"""Looks at the machine and at the cloud on it, changes nothing, and prints what it finds as JSON.

Environment: PROBE, a JSON object with name, image, base_image, clouds_file, management_network, external_network and
packages.
"""

import hashlib
import ipaddress
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

# keystone, glance, placement, nova, neutron, cinder, heat
API_PORTS = (5000, 9292, 8778, 8774, 9696, 8776, 8004)


def output(*command, timeout=30):
    """Standard output of a command, or None where it fails, hangs or is not installed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def read(path):
    """The text of a file, empty where it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def addresses(management, external):
    """The addresses that follow from the two ranges; ends the program with words when a range is of no use."""
    result = {}
    for key, cidr, smallest in (("management", management, 30), ("external", external, 28)):
        try:
            network = ipaddress.IPv4Network(cidr)
        except ValueError as error:
            sys.exit(f"dev_cloud_{key}_network: {error}. Give a network such as 10.99.0.0/24.")
        if network.prefixlen > smallest:
            sys.exit(f"dev_cloud_{key}_network: {cidr} is too small. Give at least a /{smallest}.")
        result[key] = network
    management, external = result["management"], result["external"]
    return {
        "management": {"machine": str(management[1]), "container": str(management[2]), "prefix": management.prefixlen},
        # the lowest addresses stay free for the operator's own use
        "external": {
            "gateway": str(external[1]),
            "pool_start": str(external[min(10, external.num_addresses // 2)]),
            "pool_end": str(external[-6]),
            "prefix": external.prefixlen,
        },
    }


def missing_packages(packages):
    """Those of the Debian packages that are not installed."""
    listed = output("dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\\n") or ""
    installed = {line.split()[1] for line in listed.splitlines() if line.startswith("installed ")}
    return [package for package in packages if package not in installed]


def mtu():
    """MTU of the interface with the default route, in bytes; 1500 where there is none."""
    # not by ip(8): it may still have to be installed
    for line in read("/proc/net/route").splitlines()[1:]:
        interface, destination = line.split()[:2]
        if destination == "00000000":
            return int(read(f"/sys/class/net/{interface}/mtu") or 1500)
    return 1500


def container(name):
    """State (absent, stopped, running, or stale: podman believes that it runs), id, image and init's pid."""
    found = json.loads(output("podman", "container", "inspect", name) or "[]")
    if not found:
        return {"state": "absent", "id": "", "image": "", "pid": 0}
    state, pid = "stopped", found[0]["State"]["Pid"]
    if found[0]["State"]["Status"] in ("running", "stopping"):
        # the number alone would not do: another process may have got it since
        alive = found[0]["Id"] in (read(f"/proc/{pid}/cgroup") + read(f"/proc/{pid}/mountinfo"))
        state = "running" if alive else "stale"
    pid = pid if state == "running" else 0
    return {"state": state, "id": found[0]["Id"], "image": found[0]["ImageName"], "pid": pid}


def answers(address, port):
    """True when something that speaks HTTP listens there; an error status is an answer, too."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{address}:{port}/", timeout=10):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def faults(name, address, clouds_file):
    """What is wrong with a running cloud, as a list of words; empty when nothing is."""
    health = output("podman", "exec", name, "/usr/local/sbin/coursevm-health")
    if health is None:
        return ["the container does not execute commands"]
    clouds_sum, *down = health.split()
    try:
        with open(clouds_file, "rb") as file:
            current = hashlib.sha256(file.read()).hexdigest() == clouds_sum
        current = current and os.stat(clouds_file).st_mode & 0o777 == 0o600
    except OSError:
        current = False
    found = [f"{unit} is not active" for unit in down] + ([] if current else [f"{clouds_file} is not up to date"])
    return found + [f"nothing answers on port {port}" for port in API_PORTS if not answers(address, port)]


def main():
    wanted = json.loads(os.environ["PROBE"])
    cgroup2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")  # and no hybrid
    result = {
        "root": os.geteuid() == 0,
        "cgroup2": cgroup2,
        "missing_packages": missing_packages(wanted["packages"] + ([] if cgroup2 else ["runc"])),
        "mtu": mtu(),
        "addresses": addresses(wanted["management_network"], wanted["external_network"]),
        "container": container(wanted["name"]),
        "image": output("podman", "image", "exists", wanted["image"]) is not None,
        "base_image": output("podman", "image", "exists", wanted["base_image"]) is not None,
        "faults": [],
    }
    if result["container"]["state"] == "running":
        result["faults"] = faults(wanted["name"], result["addresses"]["management"]["container"], wanted["clouds_file"])
    print(json.dumps(result))


main()
