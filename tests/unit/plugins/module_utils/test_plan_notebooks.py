"""Whatever the course and the student do, nothing of the student's is lost; and what is planned twice is done once.

A model of the student's directory carries the plans out. test_notebook_tree.py does so on a real one.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_notebooks import (
    OTHER,
    Action,
    beside,
    parents,
    plan,
)

PATHS = ["a.ipynb", "b", "b/c.ipynb", "d/e", "d/e/f.csv", ".hidden"]
VERSIONS = ["1111111111", "2222222222", "3333333333"]


def is_possible(tree):
    """Whether no path is a file and a directory."""
    return not any(above in tree for path in tree for above in parents(path))


COURSES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(VERSIONS)).filter(is_possible)
STUDENTS = st.dictionaries(
    st.sampled_from([*PATHS, beside("a.ipynb", VERSIONS[0]), beside("b/c.ipynb", VERSIONS[1])]),
    st.sampled_from([*VERSIONS, "own", OTHER]),
).filter(is_possible)
# What happens between two deliveries: a student's edits (None deletes)
EDITS = st.dictionaries(st.sampled_from(PATHS), st.sampled_from([*VERSIONS, "own", None]), max_size=3)
POLICIES = st.fixed_dictionaries({"keep_both": st.booleans(), "remove": st.booleans()})


def carried_out(present, actions):
    """The directory after the actions. Fails where one of them would lose something."""
    after = dict(present)
    for action in actions:
        if action.kind in ("add", "beside"):
            assert action.written not in after
            assert not any(above in after for above in parents(action.written))
            after[action.written] = action.version
        elif action.kind == "update":
            assert after[action.path] == action.replaces
            after[action.path] = action.version
        elif action.kind == "remove":
            assert after.pop(action.path) == action.version
    return after


def edited(present, edits):
    after = dict(present)
    for path, version in edits.items():
        if version is None:
            after.pop(path, None)
        elif not any(above in after for above in parents(path)) and not any(path in parents(other) for other in after):
            after[path] = version
    return after


@given(COURSES, COURSES, STUDENTS, POLICIES)
def test_nothing_is_replaced_or_removed_but_what_was_delivered(upstream, delivered, present, policy):
    after = carried_out(present, plan(upstream, delivered, present, **policy).actions)
    for path, version in present.items():
        assert after.get(path) == version or delivered.get(path) == version


@given(COURSES, COURSES, STUDENTS, POLICIES)
def test_a_second_delivery_has_nothing_to_do(upstream, delivered, present, policy):
    first = plan(upstream, delivered, present, **policy)
    second = plan(upstream, first.delivered, carried_out(present, first.actions), **policy)
    assert [action for action in second.actions if action.kind != "blocked"] == []
    assert second.delivered == first.delivered


@given(COURSES, COURSES, STUDENTS, POLICIES, st.data())
def test_a_delivery_that_was_interrupted_is_made_good_by_the_next(upstream, delivered, present, policy, data):
    whole = plan(upstream, delivered, present, **policy)
    done = data.draw(st.integers(0, len(whole.actions)))
    half = carried_out(present, whole.actions[:done])  # and nothing of it was written down
    again = plan(upstream, delivered, half, **policy)
    assert carried_out(half, again.actions) == carried_out(present, whole.actions)
    assert again.delivered == whole.delivered


@given(st.lists(st.tuples(COURSES, EDITS), max_size=5), POLICIES)
def test_over_a_whole_course_every_version_of_the_students_own_survives_the_delivery(terms, policy):
    present, delivered = {}, {}
    for upstream, edits in terms:
        made = plan(upstream, delivered, present, **policy)
        after = carried_out(present, made.actions)
        for path, version in present.items():
            if version == "own":
                assert after[path] == "own"
        for path in delivered:
            # deleted by the student, and not by another file's coming
            if path not in present:
                assert path not in after
        present, delivered = edited(after, edits), made.delivered


@pytest.mark.parametrize(
    ("upstream", "delivered", "present", "actions"),
    [
        ("2", None, None, [Action("add", "a.py", "2")]),
        ("2", None, "2", []),
        ("2", None, "own", [Action("beside", "a.py", "2", target="a.from-course-2.py")]),
        ("2", "1", "1", [Action("update", "a.py", "2", replaces="1")]),
        ("2", "1", "own", [Action("beside", "a.py", "2", target="a.from-course-2.py")]),
        ("2", "1", OTHER, [Action("beside", "a.py", "2", target="a.from-course-2.py")]),
        ("2", "1", None, []),
        ("1", "1", "own", []),
        ("1", "1", None, []),
        (None, "1", "1", [Action("remove", "a.py", "1")]),
        (None, "1", "own", []),
        (None, "1", None, []),
    ],
)
def test_the_cases(upstream, delivered, present, actions):
    states = [{"a.py": version} if version is not None else {} for version in (upstream, delivered, present)]
    assert plan(*states, remove=True).actions == actions


def test_what_upstream_no_longer_has_stays_unless_it_is_to_be_removed():
    assert plan({}, {"a": "1"}, {"a": "1"}).actions == []


def test_a_new_version_can_be_left_out():
    assert plan({"a": "2"}, {"a": "1"}, {"a": "own"}, keep_both=False).actions == [Action("kept", "a", "2")]


def test_a_file_where_a_directory_would_be_blocks_what_is_below_it_until_it_is_gone():
    blocked = plan({"a/b": "1"}, {}, {"a": "own"})
    assert [action.kind for action in blocked.actions] == ["blocked"]
    assert blocked.delivered == {}
    assert [action.kind for action in plan({"a/b": "1"}, {"a": "1"}, {"a": "1"}, remove=True).actions] == [
        "remove",
        "add",
    ]


@pytest.mark.parametrize(
    ("path", "laid"),
    [
        ("a/b.ipynb", "a/b.from-course-12345678.ipynb"),
        ("README", "README.from-course-12345678"),
        (".bashrc", ".bashrc.from-course-12345678"),
        ("a.tar.gz", "a.tar.from-course-12345678.gz"),
    ],
)
def test_the_name_of_what_is_laid_beside(path, laid):
    assert beside(path, "1234567890") == laid


def test_a_name_that_is_taken_is_not_used():
    own = {"a": "own", "a.from-course-22222222": "own"}
    laid = plan({"a": "22222222"}, {}, own).actions
    assert laid == [Action("beside", "a", "22222222", target="a.from-course-22222222-1")]
