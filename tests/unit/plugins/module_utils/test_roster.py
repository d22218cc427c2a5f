"""The roster: what is read from good files, and what is said about bad ones."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils import roster

GOOD = [{"id": "ada", "name": "Ada Lovelace"}, {"id": "grace", "name": "Grace Hopper"}]

ids = st.from_regex(roster.NAME_PATTERN, fullmatch=True).filter(lambda text: text not in roster.RESERVED_IDS)
cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20).map(str.strip)


@pytest.mark.parametrize(
    "text",
    [
        "id,name\nada,Ada Lovelace\ngrace,Grace Hopper\n",
        "id;name\nada;Ada Lovelace\ngrace;Grace Hopper",
        "id\tname\r\nada\tAda Lovelace\r\ngrace\tGrace Hopper\r\n",
        "id,name\rada,Ada Lovelace\rgrace,Grace Hopper\r",
        "\ufeffid;name\r\nada;Ada Lovelace\r\n\r\ngrace;Grace Hopper\r\n",
        "\n id , name \n\n  ada,  Ada Lovelace\n , \ngrace,Grace Hopper\n\n",
        '"id","name"\n"ada","Ada Lovelace"\n"grace", "Grace Hopper"\n',
        "id,name,,\nada,Ada Lovelace,,\ngrace,Grace Hopper,,,\n",
    ],
)
def test_good_files(text):
    assert roster.parse(text.encode(), "students.csv") == GOOD


def test_a_comma_in_a_semicolon_separated_header_does_not_mislead():
    text = "id;name, first name, title;email\nada;Lovelace, Ada, Countess;ada@example.org\n"
    assert roster.parse(text.encode(), "x") == [
        {"id": "ada", "name, first name, title": "Lovelace, Ada, Countess", "email": "ada@example.org"}
    ]


@given(
    st.lists(ids, min_size=1, max_size=8, unique=True),
    st.lists(cells, min_size=8, max_size=8),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_what_a_spreadsheet_writes_is_read_back(students, names, delimiter, newline, bom):
    rows = [{"id": student, "name": name} for student, name in zip(students, names, strict=False)]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=newline)
    writer.writerows([["id", "name"], *([row["id"], row["name"]] for row in rows)])
    data = stream.getvalue().encode("utf-8-sig" if bom else "utf-8")
    assert roster.parse(data, "students.csv") == rows


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | st.text('id,;\t\n\r" ab1\ufeff').map(str.encode)
)
def test_any_bytes_give_students_or_problems_with_a_mend(data):
    try:
        students = roster.parse(data, "students.csv")
    except roster.RosterError as error:
        assert error.problems
        assert str(error).startswith("students.csv")
        assert all(problem.what and problem.mend for problem in error.problems)
    else:
        assert students
        found = [student["id"] for student in students]
        assert len(set(found)) == len(found)
        assert all(roster.id_problem(student) is None for student in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["is empty", "give it a header"]),
        ("\n \n,,\n", ["is empty"]),
        ("id,name\n", ["no student"]),
        ("ID,name\nada,Ada\n", ["line 1", "'ID', 'name'", "rename 'ID' to 'id'"]),
        ("name,email\nAda,a@b\n", ["no column 'id'", "add a column 'id'"]),
        ("id,id\nada,eve\n", ["column 'id'", "more than once"]),
        ("id,name\nada,A\n\neve,E\nada,B\n", ["line 5", "'ada'", "already in line 2"]),
        ("id\nAda Lovelace\n", ["line 2", "column 'id'", "'Ada Lovelace'", "use e.g. 'ada-lovelace'"]),
        ("id\n4711\n", ["'4711'", "lower-case letter", "choose another"]),
        ("id\n" + "a" * 32, ["line 2", "up to 30"]),
        ("id\noperator\n", ["reserved", "'operator-1'"]),
        ("id,name\n,Ada\n", ["line 2", "column 'id'", "is empty"]),
        ("id,name\nada\n", ["line 2", "1 cells", "2 columns"]),
        ("id,name\nada,Lovelace, Ada\n", ["line 2", "'Ada'", "double quotes"]),
        ("id,,\nada,,x\n", ["line 2", "cell 3", "'x'"]),
        ('id,name\nada,"A\neve,E\n', ["line 2", "quotation marks"]),
    ],
)
def test_problems_name_the_place_and_the_mend(text, said):
    with pytest.raises(roster.RosterError) as raised:
        roster.parse(text.encode(), "students.csv")
    for part in ["students.csv", *said]:
        assert part in str(raised.value)


def test_a_quoted_line_break_does_not_shift_the_line_numbers():
    with pytest.raises(roster.RosterError, match="line 4"):
        roster.parse(b'id,name\nada,"Ada\nLovelace"\nBob,B\n', "x")


def test_every_problem_is_told_at_once():
    with pytest.raises(roster.RosterError) as raised:
        roster.parse(b"id,name\nAda,A\neve,E\neve,F\nbob\n", "x")
    assert [problem.line for problem in raised.value.problems] == [2, 4, 5]
    assert "3 problems" in str(raised.value)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_file_which_is_not_utf8_names_the_byte_and_the_line(bom):
    data = bom + b"id,name\r\nada,Ada\r\nkoenig,K\xf6nig\r\n"
    with pytest.raises(roster.RosterError) as raised:
        roster.parse(data, "x")
    assert f"byte {data.index(0xF6) + 1} (0xf6, 'ö' in Windows-1252)" in str(raised.value)
    assert "line 3" in str(raised.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf16_is_recognised(encoding):
    with pytest.raises(roster.RosterError, match=r"UTF-16.*CSV UTF-8"):
        roster.parse("id,name\nada,Ada\n".encode(encoding), "x")


def test_a_missing_file_is_a_problem_of_the_roster(tmp_path):
    with pytest.raises(roster.RosterError, match=r"students.csv.*No such file"):
        roster.read(str(tmp_path / "students.csv"))
