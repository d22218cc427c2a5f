"""Sentences about names that don't exist."""

from __future__ import annotations

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.suggest import closest, unknown


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("m2.smal", "m2.small"), ("M2.SMALL", "m2.small"), ("debian", "coursevm-debian-12"), ("publik", "public")],
)
def test_the_closest_name_comes_first(wanted, expected):
    assert closest(wanted, ["m2.small", "m1.tiny", "coursevm-debian-12", "public"])[0] == expected


def test_without_a_close_name_all_are_listed_up_to_ten():
    text = unknown("flavor", "xyz", [f"m1.{number}" for number in range(12)])
    assert text.startswith("No flavor is called 'xyz'. There are: m1.0")
    assert text.endswith("and 2 more.")


def test_no_names_at_all():
    assert "sees none" in unknown("image", "debian", [])
