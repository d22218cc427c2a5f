"""How requests are made, repeated and explained, against a server that misbehaves as it is told."""

from __future__ import annotations

import math

import pytest
from misbehaving import DROP, login

from ansible_collections.ouseful.coursevm.plugins.module_utils import apply, cloud
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud, CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.concurrency import concurrently


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No settings from the machine that the tests run on."""
    for name in ("OS_CLOUD", "OS_CLIENT_CONFIG_FILE", "OS_AUTH_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("openstack.config.loader.CONFIG_FILES", [str(tmp_path / "clouds.yaml")])


def test_logging_in_costs_one_request_and_no_discovery(server):
    server.answers = [(200, {"servers": []}), (200, {"networks": []})]
    connected = login(server)
    connected.list("compute", "/servers", "servers")
    connected.list("network", "/networks", "networks", {"name": ["a", "b"]})
    assert connected.requests == 3
    assert [path for _method, path, _body in server.seen] == [
        "/compute/v2.1/servers",
        "/net/v2.0/networks?name=a&name=b",
    ]
    assert connected.project_id == "p-1"


def test_polls_are_counted_apart(server):
    server.answers = [(200, {"ports": []})] * 5
    connected = login(server)

    def look(_number=0):
        return connected.get("network", "/ports")

    concurrently(look, range(2), 2)
    connected.poll(look)
    connected.poll(lambda: concurrently(look, range(2), 2))
    assert (connected.requests, connected.polls) == (6, 3)


def test_ages_are_told_by_the_clouds_own_clock(server):
    server.answers = [(200, {}, {"Date": "Sun, 22 Nov 2026 06:00:30 GMT"})]
    connected = login(server)
    assert connected.seconds_since(None) == math.inf
    connected.get("network", "/ports")
    assert connected.seconds_since("2026-11-22T06:00:10Z") == 20


def test_a_wrong_password_is_said(server):
    with pytest.raises(CloudError, match="refused u: wrong user name, password") as caught:
        login(server, "wrong")
    assert caught.value.status == 401


def test_a_login_that_is_turned_away_is_tried_again(server, pauses):
    server.logins = [(429, {}, {"Retry-After": 3}), (503, "<h1>Down</h1>")]
    assert login(server).project_id == "p-1"
    assert pauses == [3, 6]


def test_a_login_whose_answer_is_lost_is_tried_again(server, pauses):
    server.logins = [(DROP,)]
    assert login(server).project_id == "p-1"
    assert pauses == [1]


def test_a_login_that_is_never_answered_is_given_up_in_words(server, pauses):
    server.logins = [(503, "<h1>Down</h1>")] * cloud.LOGIN_ATTEMPTS
    with pytest.raises(CloudError, match=r"Logging in at the identity service .* failed") as caught:
        login(server)
    assert caught.value.status == 503


def test_a_login_whose_answer_is_cut_off_is_tried_again(server, pauses):
    server.logins = [(201, '{"token": {"met')]
    assert login(server).project_id == "p-1"
    assert pauses == [1]


def test_an_answer_that_is_no_identity_services_is_told(server, pauses):
    server.logins = [(200, "<h1>Welcome to the guest network</h1>")] * cloud.LOGIN_ATTEMPTS
    with pytest.raises(CloudError, match=r"The answer of the identity service .* cannot be understood.*auth_url"):
        login(server)


def test_pages_are_followed(server):
    link = f"{server.url}/net/v2.0/ports?marker=1"
    server.answers = [
        (200, {"ports": [{"id": 1}], "ports_links": [{"rel": "next", "href": link}]}),
        (200, {"ports": [{"id": 2}]}),
        (200, {"images": [{"id": 1}], "next": "/v2/images?marker=1"}),
        (200, {"images": [{"id": 2}]}),
    ]
    connected = login(server)
    assert [port["id"] for port in connected.list("network", "/ports", "ports", {"project_id": "x"})] == [1, 2]
    assert [image["id"] for image in connected.list("image", "/images", "images")] == [1, 2]
    assert [seen[1] for seen in server.seen][1::2] == ["/net/v2.0/ports?marker=1", "/img/v2/images?marker=1"]


def test_a_busy_or_broken_service_is_asked_again_after_the_pause_it_wants(server, pauses):
    server.answers = [(429, {}, {"Retry-After": 7}), (503, "<h1>Down</h1>"), (DROP,), (200, {"network": {"id": 1}})]
    assert login(server).get("network", "/networks/1") == {"network": {"id": 1}}
    assert pauses == [7, 14, 28]


def test_a_service_that_wants_no_pause_gets_growing_ones_all_the_same(server, pauses):
    server.answers = [(429, {}, {"Retry-After": 0}), (429, {}, {"Retry-After": 0}), (200, {})]
    login(server).get("network", "/networks/1")
    assert pauses == [1, 2]


def test_a_service_that_wants_the_same_pause_each_time_gets_it(server, pauses):
    server.answers = [(429, {}, {"Retry-After": 61})] * 4 + [(200, {})]
    login(server).get("network", "/networks/1")
    assert pauses == [61] * 4


def test_it_is_given_up_in_the_end_in_words(server, pauses):
    server.answers = [(503, "<html><h1>Service Unavailable</h1></html>")] * cloud.ATTEMPTS
    with pytest.raises(CloudError, match=r"HTTP 503 from the network service .*/networks\): Service Unavailable"):
        login(server).get("network", "/networks")
    assert len(pauses) == cloud.ATTEMPTS - 1


def test_a_refusal_is_not_repeated_and_a_quota_is_named(server, pauses):
    server.answers = [
        (403, {"forbidden": {"message": "Quota exceeded for instances: Requested 1, but already used 10 of 10"}}),
        (
            409,
            {
                "NeutronError": {
                    "type": "OverQuota",
                    "message": "Quota exceeded for resources: ['floatingip'].",
                    "detail": "",
                }
            },
        ),
        (403, {"forbidden": {"message": "Maximum number of ports exceeded"}}),
        (403, {"forbidden": {"message": "Policy doesn't allow os_compute_api:servers:create"}}),
    ]
    connected = login(server)
    for service, message, quota in (
        ("compute", "A quota of the project is used up: Quota exceeded for instances", True),
        ("network", r"A quota of the project is used up: Quota exceeded for resources: \['floatingip'\]", True),
        ("compute", "A quota of the project is used up: Maximum number of ports exceeded", True),
        ("compute", "the project's user may not do this: Policy", False),
    ):
        with pytest.raises(CloudError, match=message) as caught:
            connected.post(service, "/things", {})
        assert caught.value.is_quota is quota
    assert pauses == []


CUT = (200, '{"port": {"id"', {"Content-Length": 100, "Connection": "close"})


@pytest.mark.parametrize("trouble", [CUT, (200, '{"port": {"id"')], ids=["cut off", "no JSON"])
def test_half_an_answer_is_none(server, pauses, trouble):
    server.answers = [trouble, (200, {"port": {"id": 1}}), trouble]
    connected = login(server)
    assert connected.get("network", "/ports/1") == {"port": {"id": 1}}
    with pytest.raises(CloudError, match="No answer from the network service") as caught:
        connected.post("network", "/ports", {})
    assert caught.value.lost


@pytest.mark.parametrize("trouble", [(DROP,), (502, "bad gateway")])
def test_a_lost_creation_is_looked_for_before_it_is_repeated(server, pauses, trouble):
    connected = login(server)
    server.answers = [trouble, (200, {"ports": []}), trouble, (200, {"ports": [{"id": 1}]})]

    def look():
        found = connected.list("network", "/ports", "ports")
        return {"port": found[0]} if found else None

    assert apply.create_once(connected, "network", "/ports", {"port": {}}, look) == {"port": {"id": 1}}
    assert [method for method, _path, _body in server.seen] == ["POST", "GET", "POST", "GET"]


def test_what_became_of_a_lost_creation_is_open_when_the_look_fails(server, pauses):
    server.answers = [(DROP,)]

    def look():
        raise CloudError("HTTP 503", 503)

    with pytest.raises(CloudError, match=r"No answer.*Whether it was done can't be seen: HTTP 503") as caught:
        apply.create_once(login(server), "network", "/ports", {}, look)
    assert caught.value.lost


def test_after_a_timeout_it_is_looked_for_longer(server, pauses):
    server.answers = [(504, "timeout")]
    sights = iter([None, None, {"port": {"id": 1}}])
    assert apply.create_once(login(server), "network", "/ports", {}, lambda: next(sights)) == {"port": {"id": 1}}
    assert pauses == list(apply.LOOKS_AFTER_TIMEOUT)


def test_a_creation_that_was_turned_away_is_repeated_without_looking(server, pauses):
    server.answers = [(429, {}, {"Retry-After": 1}), (201, {"port": {"id": 1}})]
    assert login(server).post("network", "/ports", {})["port"]["id"] == 1
    assert pauses == [1]


def test_deleting_what_is_gone_is_no_error(server):
    server.answers = [(404, {"NeutronError": {"message": "not found"}})]
    login(server).delete("network", "/ports/1")


def test_a_service_that_is_not_there_is_named_with_the_regions(server):
    with pytest.raises(CloudError, match=r"no network service in region 'X'\. Its regions: R"):
        login(server, region_name="X").get("network", "/networks")


@pytest.mark.parametrize(
    ("file", "asked", "message"),
    [
        (None, None, "No cloud is named: .* There is no clouds.yaml; looked for .*clouds.yaml"),
        (None, "dev", "No cloud is called 'dev'. There is no clouds.yaml"),
        ("clouds: {dev: {}, prod: {}}", "dve", "No cloud is called 'dve'; closest: dev.*clouds.yaml has: dev, prod"),
        ("clouds: {dev: {}, prod: {}}", None, "give the option cloud or set OS_CLOUD. .* has: dev, prod"),
        ("clouds: [", "dev", "is there, but can't be read as YAML"),
        ("clouds: {dev: {auth: {}}}", "dev", "The settings of cloud 'dev' are incomplete or wrong.*auth_url"),
    ],
)
def test_wrong_settings_are_explained(tmp_path, file, asked, message):
    if file:
        (tmp_path / "clouds.yaml").write_text(file)
    with pytest.raises(CloudError, match=message):
        Cloud({"cloud": asked})


def test_an_unreachable_cloud_is_said_with_its_address(pauses):
    auth = {
        "auth_url": "http://127.0.0.1:1",
        "username": "u",
        "password": "p",
        "user_domain_name": "D",
        "project_name": "p",
        "project_domain_name": "D",
    }
    with pytest.raises(CloudError, match=r"Cannot reach the identity service .*127.0.0.1:1/v3: Connection refused"):
        Cloud({"auth": auth})


def test_microversions_are_sent_to_the_version_of_nova_that_applies_them(server):
    token = server.token()
    for service in token["token"]["catalog"]:
        if service["type"] == "compute":
            service["endpoints"][0]["url"] = f"{server.url}/compute/v2/p-1/"
    server.token = lambda: token
    assert login(server).endpoint("compute") == f"{server.url}/compute/v2.1/p-1"


def test_a_request_that_needs_a_newer_nova_says_which(server):
    server.answers = [(406, {"computeFault": {"message": "Version 2.85 is not supported"}})]
    with pytest.raises(CloudError, match=r"compute API 2.85 is needed \(OpenStack Ussuri or newer\)"):
        login(server).put("compute", "/servers/s-1", {}, microversion="2.85")
