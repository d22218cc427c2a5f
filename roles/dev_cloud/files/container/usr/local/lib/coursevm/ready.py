"""Waits until every service answers and every agent has reported since this container started.

Argument: how many seconds to wait. Ends with status 1, and says what is missing, when they are over.
"""

import datetime
import os
import pathlib
import sys
import time

import cloud

AGENTS = {'neutron-linuxbridge-agent', 'neutron-dhcp-agent', 'neutron-l3-agent', 'neutron-metadata-agent'}
SERVICES = {'nova-conductor', 'nova-scheduler', 'cinder-scheduler', 'cinder-volume'}


def start_of_init():
    """When this container's init was started, in seconds since the epoch."""
    # proc(5): field 22 of stat, the 20th after the name in parentheses, in ticks since the machine's boot
    ticks = int(pathlib.Path('/proc/1/stat').read_text().rpartition(')')[2].split()[19])
    boot = int(pathlib.Path('/proc/stat').read_text().partition('btime ')[2].split()[0])
    return boot + ticks / os.sysconf('SC_CLK_TCK')


def since_start(timestamp):
    """True when an ISO timestamp (UTC, with or without zone) is later than the start of this container."""
    # a report from before a quick stop and start still counts as alive for nova and neutron
    moment = datetime.datetime.fromisoformat(timestamp.replace('Z', '').split('+')[0])
    return moment.replace(tzinfo=datetime.UTC).timestamp() > start_of_init()


def missing():
    """Names of what does not answer or has not reported yet; an error of a service that does not answer is raised."""
    connection = cloud.connect()
    list(connection.image.images(limit=1))
    list(connection.orchestration.stacks())
    list(connection.block_storage.volumes(limit=1))
    wanted = {(agent, cloud.DECLARATION['hosts']['real']) for agent in AGENTS}
    wanted |= {('nova-compute', host) for host in cloud.DECLARATION['hosts'].values()}
    wanted |= {(service, cloud.DECLARATION['hosts']['real']) for service in SERVICES}
    there = {(agent.binary, agent.host) for agent in connection.network.agents()
             if agent.is_alive and since_start(agent.last_heartbeat_at)}
    there |= {(service.binary, service.host) for service in connection.compute.services()
              if service.state == 'up' and service.updated_at and since_start(service.updated_at)}
    # by the URL: Debian's openstacksdk has no call for it
    there |= {(service['binary'], service['host'].partition('@')[0])
              for service in connection.block_storage.get('/os-services').json()['services']
              if service['state'] == 'up' and service['updated_at'] and since_start(service['updated_at'])}
    return [f'{binary} on {host}' for binary, host in sorted(wanted - there)]


def main():
    end = time.monotonic() + float(sys.argv[1])
    said = None
    while True:
        try:
            why = ', '.join(missing())
        except Exception as error:  # pylint: disable=broad-except  # whatever it is, it may be gone in a moment
            why = str(error).splitlines()[0][:200]
        if not why:
            return
        if why != said:
            print(f'waiting for: {why}', flush=True)
            said = why
        if time.monotonic() > end:
            sys.exit(f'not ready: {why}')
        time.sleep(2)


main()
