"""What is asked about servers that are on their way, and what is made of the answers."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from misbehaving import login

from ansible_collections.ouseful.coursevm.plugins.module_utils.followed import Followed
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import tags


def body(student, status="BUILD", second=0, **facts):
    known = {"id": student, "name": f"demo-{student}", "status": status, "tags": list(tags("demo", student))}
    times = {"created": "2026-11-28T10:00:00Z", "updated": f"2026-11-28T10:00:{second:02}Z"}
    return known | times | facts


@pytest.fixture
def looks(server):
    """Look with these answers of Nova's, one by one: what each look returned, and what it asked."""
    followed = Followed(login(server), "demo")

    def look(*answers, how="look"):
        server.answers = [(200, {"servers": list(answers)})]
        found = getattr(followed, how)()
        asked = urlsplit(server.seen[-1][1])
        what = "all" if asked.path.endswith("/servers/detail") else "ids"
        changed_since = parse_qs(asked.query).get("changes-since")
        return {one.id: one.status for one in found.values()}, changed_since[0] if changed_since else what

    return look


def test_after_news_only_what_has_changed_is_asked_for(looks):
    assert looks(body("ada"), body("grace", second=30)) == ({"ada": "BUILD", "grace": "BUILD"}, "all")
    assert looks(body("ada", "ACTIVE", 45)) == ({"ada": "ACTIVE", "grace": "BUILD"}, "2026-11-28T10:00:20Z")
    assert looks(body("grace", "ERROR", 50, fault={"message": "no"}))[1] == "2026-11-28T10:00:35Z"


def test_after_no_news_all_are_asked_for_and_who_has_vanished_is_missed(looks):
    looks(body("ada"), body("grace"))
    assert looks()[0] == {"ada": "BUILD", "grace": "BUILD"}
    assert looks(body("grace")) == ({"grace": "BUILD"}, "all")


def test_every_fourth_look_is_at_all(looks):
    looks(body("ada"), body("grace"))
    asked = [looks(body("ada", second=second))[1] for second in (1, 2, 3, 4, 5)]
    assert [what == "all" for what in asked] == [False, False, False, True, False]


def test_the_oldest_comes_first_whenever_it_is_seen(looks):
    looks(body("grace"), body("ada"))
    older = body("alan", created="2026-11-28T09:59:00Z")
    assert list(looks(older)[0]) == ["alan", "ada", "grace"]


def test_a_cloud_that_does_not_tell_when_a_server_changed_is_asked_for_all(looks):
    looks(body("ada", updated=None))
    assert looks(body("ada", "ACTIVE", updated=None)) == ({"ada": "ACTIVE"}, "all")


def test_who_is_there_is_asked_for_ids_alone_while_servers_go(looks):
    looks(body("ada"), body("grace"), how="look_who_is_there")
    assert looks({"id": "grace"}, how="look_who_is_there") == ({"grace": "BUILD"}, "ids")
    assert looks({"id": "grace"}, how="look_who_is_there")[1] == "ids"
    assert looks(body("grace", "ERROR", fault={"message": "no"}), how="look_who_is_there") == (
        {"grace": "ERROR"},
        "all",
    )
