"""Lines of the dev cloud's access logs, as its services write them."""

from __future__ import annotations

import re

import pytest

from bench.measure import of_project

CLIENT = "10.99.0.1"
OURS, OTHER, USER = "f0" * 16, "4d" * 16, "e4" * 16
CONTEXT = f"[None req-82d2096c-3528-477a-af1c-e2683415ce2c {USER} {OURS} - - default default]"
START = "2026-11-22 04:31:39.699 388 INFO"
LINES = {
    "keystone": "[pid: 337|app: 0|req: 46/98] 10.99.0.1 () {34 vars in 819 bytes} [Sun Nov 22 04:36:43 2026] "
    "POST /v3/auth/tokens => generated 4052 bytes in 78 msecs (HTTP/1.1 201) 4 headers (1 switches on core 3)",
    "nova": f'{START} nova.osapi_compute.wsgi.server {CONTEXT} 10.99.0.1 "POST /v2.1/servers HTTP/1.1" status: 202',
    "neutron": f'{START} neutron.wsgi {CONTEXT} 10.99.0.1 "GET /v2.0/ports?fields=id HTTP/1.1" status: 200  len: 268',
    "glance": f"{START} eventlet.wsgi.server {CONTEXT} 10.99.0.1 - - [22/Nov/2026 04:31:39] "
    '"GET /v2/images?name=a HTTP/1.1" 200 1217 0.044454',
    "heat": f"{START} eventlet.wsgi.server [None req-39350d3e-da67-4b9c-a255-869a1b2e0b3d admin - - - - -] 10.99.0.1 "
    f'- - [22/Nov/2026 04:31:00] "GET /v1/{OURS}/stacks HTTP/1.1" 200 212 0.024367',
    "versions": f'{START} nova.osapi_compute.wsgi.server [-] 10.99.0.1 "GET / HTTP/1.1" status: 200 len: 7',
}


@pytest.mark.parametrize("service", LINES)
def test_a_request_of_the_client_counts(service):
    assert of_project(LINES[service], CLIENT, OURS) is True


@pytest.mark.parametrize("service", ["nova", "neutron", "glance", "heat"])
def test_a_request_in_another_project_is_a_strangers(service):
    assert of_project(LINES[service].replace(OURS, OTHER), CLIENT, OURS) is False


@pytest.mark.parametrize("service", LINES)
def test_the_clouds_own_requests_are_none_of_anybodys(service):
    assert of_project(LINES[service].replace(CLIENT, "10.99.0.2"), CLIENT, OURS) is None


@pytest.mark.parametrize(
    "line",
    [
        f"{START} heat.common.wsgi [None req-39350d3e admin] Processing request: GET /v1/{OURS}/stacks",
        f'{START} nova.metadata.wsgi.server [-] ::ffff:10.30.0.255,10.99.0.2 "GET /latest HTTP/1.1" status: 200',
        f"{START} nova.api.openstack.wsgi {CONTEXT} HTTP exception thrown: Image not found.",
        "",
    ],
)
def test_other_lines_are_no_requests(line):
    assert of_project(line, CLIENT, OURS) is None


def test_the_lines_are_of_one_client_each():
    assert all(len(re.findall(re.escape(CLIENT), line)) == 1 for line in LINES.values())
