"""Every test that docs/by-hand.md names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/by-hand.md"
ROWS = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| (?!wrong)", line)]
LINK = re.compile(r"\[[^]]+\]\(([^)]+)\)([^\[]*)")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_tests_that_a_row_names_are_there(row):
    tests = LINK.findall(row[3])
    assert tests
    for file, words in tests:
        text = (PAGE.parent / file).read_text(encoding="utf-8")
        missing = [name for name in re.findall(r'"([^"]+)"', words) if f"name: {name}\n" not in text]
        assert not missing, f"{file}: {missing}"


def test_there_are_rows():
    assert len(ROWS) > 20
