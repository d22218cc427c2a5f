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
    probe = wanted['probe']
    if not probe['root']:
        yield 'This role creates namespaces and containers as root. Run the playbook as root, or with --become.'
    if probe['missing_packages'] and not shutil.which('apt-get'):
        yield (f"The packages {', '.join(probe['missing_packages'])} are missing, and there is no apt-get to install them with. "
               'Use a machine with Debian 12 or a system derived from it.')
    if not os.path.exists('/dev/net/tun'):
        yield '/dev/net/tun is missing: the VMs have no network without it. Load the module tun, or use a kernel that has it.'


def disk(wanted):
    """Too little room, for what is still to be done, on the file systems that are written to."""
    for path in {existing_parent(path) for path in ('/var/lib/containers/storage', wanted['state_dir'])}:
        free = shutil.disk_usage(path).free // MIB
        if free < wanted['min_free_disk']:
            yield (f"{path}: {free} MiB are free, and {'building' if wanted['build'] else 'starting'} the cloud needs "
                   f"{wanted['min_free_disk']} MiB (dev_cloud_min_free_disk_{'build' if wanted['build'] else 'start'}). Make room there.")


def memory(wanted):
    """Too little memory for another cloud; one that runs has its memory already."""
    if wanted['probe']['container']['state'] == 'running':
        return
    with open('/proc/meminfo', encoding='ascii') as file:
        available = next(int(line.split()[1]) // 1024 for line in file if line.startswith('MemAvailable:'))
    if available < wanted['min_free_memory']:
        yield (f"{available} MiB of memory are available, and the cloud needs {wanted['min_free_memory']} MiB "
               '(dev_cloud_min_free_memory), besides that of its VMs. Stop something, or use a larger machine.')


def routes(interface):
    """(network, what it is) for every IPv4 route and address of the machine which is not this cloud's own."""
    for what in ('route', 'address'):
        done = subprocess.run(['ip', '-json', '-4', *(('route', 'show', 'table', 'all') if what == 'route' else ('address',))],
                              capture_output=True, text=True, check=False)
        for entry in json.loads(done.stdout or '[]'):
            device = entry.get('dev') or entry.get('ifname')
            if device == interface:
                continue
            for found in [entry['dst']] if what == 'route' else [f"{a['local']}/{a['prefixlen']}" for a in entry['addr_info']]:
                if found != 'default':
                    yield ipaddress.IPv4Network(found, strict=False), f'the {what} {found} of {device}'


def ranges(wanted):
    """Ranges that are in use already."""
    for cidr in wanted['client_networks']:
        try:
            ipaddress.IPv4Network(cidr)
        except ValueError as error:
            yield f'dev_cloud_client_networks: {error}; give networks such as 10.1.0.0/16'
    ours = {name: ipaddress.IPv4Network(wanted[name]) for name in ('management_network', 'external_network')}
    if ours['management_network'].overlaps(ours['external_network']):
        yield (f"dev_cloud_management_network {ours['management_network']} and dev_cloud_external_network "
               f"{ours['external_network']} overlap. Give ranges that do not.")
    taken = sorted(set(routes(wanted['interface'])), key=str) if shutil.which('ip') else []
    for name, network in ours.items():
        what = next((what for other, what in taken if network.overlaps(other)), None)
        if what:
            yield f'dev_cloud_{name}: {network} overlaps with {what}. Choose a range that this machine does not use.'


def main():
    wanted = json.loads(os.environ['VALIDATE'])
    for check in (machine, disk, memory, ranges):
        for problem in check(wanted):
            print(problem)


main()
