"""What the scripts of this directory share: the declaration of the cloud, and a connection as its administrator."""

import json
import os
import pathlib
import time

import openstack

STATE = pathlib.Path('/etc/coursevm')
DECLARATION = json.loads((STATE / 'cloud.json').read_text())


def connect():
    """Connect as the administrator of the cloud in this container."""
    os.environ['OS_CLIENT_CONFIG_FILE'] = str(STATE / 'clouds.yaml')
    return openstack.connect(cloud='coursevm-dev-admin', api_timeout=60)


def insist(call, seconds, errors=Exception):
    """Repeat call() until it raises none of errors any more; the last error is raised after that many seconds."""
    end = time.monotonic() + seconds
    while True:
        try:
            return call()
        except errors:
            if time.monotonic() > end:
                raise
            time.sleep(2)
