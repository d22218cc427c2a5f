"""The second look at a cohort: what declared names stand for, and what is spared."""

from __future__ import annotations

import pytest
from misbehaving import login

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired, observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import NOTHING_KNOWN, Known, rest_of_cohort
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import marker, tags

WANTED = desired.Cohort(
    "demo",
    (desired.Instance("ada", "demo-ada", network="net-of-ada"), desired.Instance("zoe", "demo-zoe", network="of-zoe")),
    image="debian",
    flavor="m2.small",
    security_groups=("coursevm-demo",),
    floating_network="public",
)
FLAVORS = {"flavors": [{"id": "f-1", "name": "m2.small"}]}
NETWORKS = [
    {"id": "net-1", "name": "net-of-ada", "project_id": "p-1"},
    {"id": "ext-1", "name": "public", "router:external": True, "project_id": "service"},
]
GROUPS = [{"id": "sg-1", "name": "coursevm-demo", "description": ""}]
STATE = observed.CohortState("image-1")


def look(server, networks=NETWORKS, groups=GROUPS, *, known=NOTHING_KNOWN, servers=()):
    """The second look at this cloud, whose answers come in any order."""
    cloud = login(server)
    everything = FLAVORS | {"networks": networks, "security_groups": groups, "servers": list(servers)}
    server.answers = [(200, everything)] * 4
    return rest_of_cohort(cloud, WANTED, STATE, known, may_be_missing=["of-zoe"])


def asked(server):
    return sorted(path.split("?")[0].rpartition("/")[2] for _method, path, _body in server.seen)


def test_a_network_that_could_not_be_made_stops_nobody_else(server):
    state = look(server)
    assert state.names.networks == {"net-of-ada": ("net-1", "net-of-ada"), "of-zoe": ("", "of-zoe")}
    assert state.names.missing == ("network of-zoe",)


def test_a_misspelt_group_is_named_though_a_network_may_be_missing(server):
    with pytest.raises(CloudError, match="No security group is called 'coursevm-demo'"):
        look(server, groups=[{"id": "sg-2", "name": "coursevm-dem", "description": ""}])


def test_what_is_known_is_not_asked_for(server):
    networks = {"net-of-ada": "net-1", "of-zoe": "net-2"}
    known = Known(networks, {"public": "ext-1"}, {"coursevm-demo": "sg-1"})
    state = look(server, known=known)
    assert asked(server) == ["detail", "flavors"]
    assert state.names.networks["of-zoe"] == ("net-2", "of-zoe")
    assert (state.names.security_group_ids, state.names.floating_network_id) == (("sg-1",), "ext-1")


def test_another_projects_network_is_taken_only_when_it_is_shared(server):
    """Neutron lists every project's to an administrator."""
    theirs = {"id": "net-9", "name": "net-of-ada", "project_id": "p-9", "description": marker("demo")}
    assert look(server, [theirs, *NETWORKS]).names.networks["net-of-ada"][0] == "net-1"
    with pytest.raises(CloudError, match="No network is called 'net-of-ada'"):
        look(server, [theirs, NETWORKS[1]])
    assert look(server, [theirs | {"shared": True}, NETWORKS[1]]).names.networks["net-of-ada"][0] == "net-9"


def test_who_has_the_name_already_is_told_with_its_owner(server):
    stranger = {"id": "s-9", "name": "demo-ada", "status": "ACTIVE", "tags": list(tags("other", "ada"))}
    ((name, server_id, owner),) = look(server, servers=[stranger]).strangers
    assert (name, server_id, owner.cohort) == ("demo-ada", "s-9", "other")


def test_an_administrator_is_shown_other_projects_images_and_takes_none_that_is_private(server):
    mine = {"id": "i-1", "name": "debian", "status": "active", "visibility": "private", "owner": "p-1"}
    theirs = {**mine, "id": "i-2", "owner": "p-2"}
    server.answers = [(200, {"images": [theirs, mine]})]
    assert observed.image_id(login(server), "debian") == "i-1"
    server.answers = [(200, {"images": [theirs | {"visibility": "public"}]})]
    assert observed.image_id(login(server), "debian") == "i-2"


def test_a_server_that_the_cloud_keeps_for_a_while_after_it_was_deleted_is_not_there(server):
    """Unlike one that Nova is about to forget, and which still uses the network."""
    bodies = [
        {"id": f"s-{status}", "name": "demo-ada", "status": status, "tags": list(tags("demo", "ada"))}
        for status in ("SOFT_DELETED", "DELETED", "ACTIVE")
    ]
    server.answers = [(200, {"servers": bodies})]
    assert sorted(one.id for one in observed.servers(login(server), "demo")) == ["s-ACTIVE", "s-DELETED"]


def test_a_query_is_as_long_as_it_is_sent():
    names = [f"курс-{number}" for number in range(150)]
    assert observed.narrowed("name", names[:2]) == {"name": names[:2]}
    assert observed.narrowed("name", names) == {}
