"""Two runs that make the same at once: what is kept, and what is waited for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils import rivals


@pytest.fixture(autouse=True)
def no_pauses(pauses):
    """Nothing is waited for."""
    return pauses


class Asking:
    """What the code under test needs of a Cloud."""

    @staticmethod
    def poll(look):
        """Look."""
        return look()


class Store:
    """Resources that two runs make and remove."""

    def __init__(self, *bodies):
        self.bodies = list(bodies)
        self.looks = 0
        self.before_look = {}

    def list(self):
        """What is there; first what is to happen before this look."""
        self.looks += 1
        self.before_look.get(self.looks, lambda: None)()
        return list(self.bodies)

    def remove(self, wanted):
        """Remove one resource."""
        self.bodies = [body for body in self.bodies if body["id"] != wanted]

    def give_way(self, **made):
        """Give way with what one run has made."""
        return rivals.give_way(Asking, made, same=lambda body: body["name"], look=self.list, remove=self.remove)

    @property
    def ids(self):
        """Of what is there."""
        return [body["id"] for body in self.bodies]


def body(own_id, created_at="2026-01-01T00:00:00Z", name="ada", **facts):
    return {"id": own_id, "created_at": created_at, "name": name, **facts}


def test_alone_it_costs_one_look(pauses):
    store = Store(body("a"), body("other", name="grace"))
    assert store.give_way(ada="a") == {}
    assert (store.looks, sum(pauses)) == (1, 0)


def test_the_younger_gives_way_at_once(pauses):
    store = Store(body("b", "2026-01-01T00:00:02Z"), body("a", "2026-01-01T00:00:01Z"))
    assert store.give_way(ada="b") == {"ada": "a"}
    assert (store.ids, sum(pauses)) == (["a"], 0)


def test_the_older_waits_until_the_other_has_given_way():
    store = Store(body("a"), body("b"))
    store.before_look[3] = lambda: store.remove("b")
    assert store.give_way(ada="a") == {}
    assert (store.ids, store.looks) == (["a"], 3)


def test_the_older_gives_way_to_one_that_does_not_know_of_it():
    store = Store(body("a"), body("b"))
    assert store.give_way(ada="a") == {"ada": "b"}
    assert store.ids == ["b"]
    assert store.looks == len(rivals.PAUSES)


def test_the_older_waits_longer_while_the_other_is_giving_way():
    names = [f"s{number}" for number in range(10)]
    store = Store(*(body(f"{run}-{name}", name=name) for name in names for run in "ab"))
    store.before_look = {2 * look: lambda name=name: store.remove(f"b-{name}") for look, name in enumerate(names, 1)}
    assert store.give_way(**{name: f"a-{name}" for name in names}) == {}
    assert store.ids == [f"a-{name}" for name in names]


MOMENTS = st.sampled_from(["2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z", None])


@given(st.lists(st.tuples(MOMENTS, MOMENTS), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_of_two_runs_that_see_each_other_one_keeps_each(moments, random):
    names = [f"s{number}" for number in range(len(moments))]
    ids = [random.sample(range(1000), 2) for _name in names]
    first = {name: f"{one:03}-{name}" for name, (one, _two) in zip(names, ids, strict=True)}
    second = {name: f"{two:03}-{name}" for name, (_one, two) in zip(names, ids, strict=True)}
    made = [
        body(run[name], moment, name)
        for number, run in enumerate((first, second))
        for name, moment in zip(names, (pair[number] for pair in moments), strict=True)
    ]
    random.shuffle(made)
    store, lost = Store(*made), []
    # The second run looks when the first has looked once.
    store.before_look[2] = lambda: lost.append(store.give_way(**second))
    lost.insert(0, store.give_way(**first))
    if len(lost) == 1:
        lost.append(store.give_way(**second))
    assert sorted(found["name"] for found in store.bodies) == names
    assert sorted([*lost[0], *lost[1]]) == names
    for mine, other, gone in ((first, second, lost[0]), (second, first, lost[1])):
        assert all(rival == other[name] for name, rival in gone.items())
        assert {mine[name] for name in names if name not in gone} <= set(store.ids)


def test_what_was_begun_just_now_is_waited_for_until_it_is_done(pauses):
    ages = iter([5, 8, math.inf])
    assert rivals.when_abandoned(Asking, lambda: next(ages), lambda age: age) == math.inf
    assert pauses == [rivals.LOOK_EVERY] * 2


def test_what_was_begun_long_ago_is_gone_on_with(pauses):
    assert rivals.when_abandoned(Asking, lambda: rivals.ABANDONED_AFTER, lambda age: age) == rivals.ABANDONED_AFTER
    assert pauses == []


def test_a_cloud_whose_clocks_differ_is_not_waited_for_without_end(pauses):
    rivals.when_abandoned(Asking, lambda: -3600, lambda age: age)
    assert sum(pauses) == rivals.ABANDONED_AFTER
