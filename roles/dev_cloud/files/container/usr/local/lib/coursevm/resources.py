"""Creates what a cloud's operator provides: external network, flavors, zones and an image for the fake host."""

import functools
import subprocess
import tempfile

import cloud


def external_network(network, external):
    """One flat network on br-ex; its gateway is the address that the role gives that bridge."""
    created = network.create_network(name=external['name'], is_router_external=True, provider_network_type='flat',
                                     provider_physical_network='public')
    network.create_subnet(name=external['name'] + '-4', network_id=created.id, ip_version=4, cidr=external['cidr'],
                          gateway_ip=external['gateway'], is_dhcp_enabled=False,
                          allocation_pools=[{'start': external['pool_start'], 'end': external['pool_end']}])


def zones(compute, hosts, names):
    """One aggregate for each host, so that servers which ask for no zone never land on the fake one."""
    # nova knows a new compute host only after this ("Host 'fake1' is not mapped to any cell")
    subprocess.run(['runuser', '-u', 'nova', '--', 'nova-manage', 'cell_v2', 'discover_hosts'], check=True)
    for kind, host in hosts.items():
        aggregate = compute.create_aggregate(name=names[kind], availability_zone=names[kind])
        # the API caches the mapping for a while
        cloud.insist(functools.partial(compute.add_host_to_aggregate, aggregate, host), 120)


def fake_image(connection):
    """An empty disk of 1 MiB: a server on the fake host needs an image, but nothing ever reads it."""
    with tempfile.NamedTemporaryFile(suffix='.qcow2') as disk:
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', disk.name, '1M'], check=True)
        connection.create_image('fake-image', filename=disk.name, container_format='bare', disk_format='qcow2',
                                visibility='public', wait=True)


def main():
    connection = cloud.connect()
    external_network(connection.network, cloud.DECLARATION['external_network'])
    for flavor in cloud.DECLARATION['flavors']:
        connection.compute.create_flavor(**flavor)
    zones(connection.compute, cloud.DECLARATION['hosts'], cloud.DECLARATION['zones'])
    fake_image(connection)


main()
