"""How a resource says that it is ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import (
    MARKER_LENGTH,
    Owner,
    marker,
    owner_of_marker,
    owner_of_tags,
    tags,
)

names = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)


@given(names, st.none() | names, st.none() | st.text(max_size=MARKER_LENGTH))
def test_what_is_written_is_read_back(cohort, student, network):
    assert owner_of_tags(tags(cohort, student)) == Owner(cohort, student)
    text = marker(cohort, student, network)
    assert len(text) <= MARKER_LENGTH
    read = owner_of_marker(text)
    assert (read.cohort, read.student) == (cohort, student)
    assert read.network in (network, None)


@pytest.mark.parametrize("text", [None, "", "Default security group", "coursevm", "coursevm:cohort=demo", "a,b"])
def test_others_are_not_ours(text):
    assert owner_of_marker(text) is None
