# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roster: a CSV file with one student per row.

Pure but for :func:`read`. What is wrong with a roster is collected and told at once, each problem with
its line, column, value and mend, so that a roster is mended in one go.
"""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
import re

from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import NAME_PATTERN
from ansible_collections.ouseful.coursevm.plugins.module_utils.suggest import closest

STUDENT_ID_RULE = "a lower-case letter, then up to 30 lower-case letters, digits and hyphens"
#: Names which already mean something to Ansible or to the directory of credentials.
RESERVED_IDS = frozenset({"all", "localhost", "operator", "ungrouped"})

_DELIMITERS = ",;\t"
_SAVE_AS_UTF8 = "save it as 'CSV UTF-8' (LibreOffice: character set 'Unicode (UTF-8)')"


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing wrong in a roster. `line` counts from 1; None where a part does not apply."""

    what: str
    mend: str
    line: int | None = None
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        place = [
            f"line {self.line}" if self.line is not None else "",
            f"column {self.column!r}" if self.column is not None else "",
            f"value {self.value!r}" if self.value is not None else "",
        ]
        where = ", ".join(part for part in place if part)
        return f"{where}: {self.what}; {self.mend}" if where else f"{self.what}; {self.mend}"


class RosterError(ValueError):
    """A roster that cannot be used. `problems` has every one of them, in the order of the file."""

    def __init__(self, file: str, problems: list[Problem]):
        self.file = file
        self.problems = tuple(problems)
        super().__init__(self.file, self.problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return f"{self.file}: {self.problems[0]}"
        return "\n  ".join([f"{self.file} has {len(self.problems)} problems:", *map(str, self.problems)])


def id_problem(student: object) -> tuple[str, str] | None:
    """What is wrong with a student's id, and the mend; None when it is a good one."""
    text = str(student)
    if not isinstance(student, str) or not NAME_PATTERN.fullmatch(student):
        proposal = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:31]
        mend = f"use e.g. {proposal!r}" if NAME_PATTERN.fullmatch(proposal) else "choose another one"
        return f"is not a student id ({STUDENT_ID_RULE})", mend
    if student in RESERVED_IDS:
        return "is a reserved name", f"use e.g. {f'{student}-1'!r}"
    return None


def read(path: str) -> list[dict[str, str]]:
    """The students in the file `path`; see :func:`parse`. Raises RosterError also when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return parse(stream.read(), path)
    except OSError as error:
        mend = "the option 'roster' is relative to the inventory file; check its spelling and the permissions"
        raise RosterError(path, [Problem(f"the roster cannot be read ({error.strerror})", mend)]) from None


def parse(data: bytes, file: str) -> list[dict[str, str]]:
    """The students of a roster, in its order: one dict per row, by the names in the header.

    The header must have a column `id`; `,`, `;` and tab are accepted as separators, whichever the header uses.
    Blank rows and columns without a name and without content are ignored; cells are trimmed.
    Raises RosterError with every problem; `file` is what it calls the file.
    """
    rows, problems = _rows(_decode(data, file))
    if not rows:
        if not problems:
            problems = [Problem("the roster is empty", "give it a header with a column 'id', then a row per student")]
        raise RosterError(file, problems)
    (header_line, header), *body = rows
    problems += _header_problems(header, header_line)
    if problems:
        raise RosterError(file, problems)

    students: list[dict[str, str]] = []
    lines: dict[str, int] = {}
    for line, cells in body:
        found = _row_problems(header, line, cells)
        if not found:
            student = {name: cell for name, cell in zip(header, cells, strict=False) if name}
            student_id = student["id"]
            if student_id in lines:
                mend = "remove one of the rows or give one of the students another id"
                found = [Problem(f"is already in line {lines[student_id]}", mend, line, "id", student_id)]
            lines.setdefault(student_id, line)
            students.append(student)
        problems += found
    if not students and not problems:
        problems = [Problem("there is no student below the header", "add a row per student")]
    if problems:
        raise RosterError(file, problems)
    return students


def _decode(data: bytes, file: str) -> str:
    """UTF-8, with or without the byte order mark that Excel writes."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        raise RosterError(file, [Problem("the roster is not UTF-8 text, it looks like UTF-16", _SAVE_AS_UTF8)])
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        bad, before = error.object[error.start], error.object[: error.start]
        offset = error.start + len(data) - len(error.object)
        likely = bytes([bad]).decode("cp1252", errors="replace")
        what = f"byte {offset + 1} (0x{bad:02x}, {likely!r} in Windows-1252) is not UTF-8"
        # Lines end in \n, \r\n or a lone \r
        raise RosterError(file, [Problem(what, _SAVE_AS_UTF8, len(re.split(rb"\r\n|\r|\n", before)))]) from None


def _rows(text: str) -> tuple[list[tuple[int, list[str]]], list[Problem]]:
    """The rows which are not blank, each with the line it starts in; and what stopped the reading, if anything."""
    rows: list[tuple[int, list[str]]] = []
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=_delimiter(text), strict=True, skipinitialspace=True)
    line = 1
    try:
        for cells in reader:
            trimmed = [cell.strip() for cell in cells]
            if any(trimmed):
                rows.append((line, trimmed))
            line = reader.line_num + 1
    except csv.Error as error:
        return rows, [Problem(f"the row cannot be read ({error})", "close and double its quotation marks", line)]
    return rows, []


def _delimiter(text: str) -> str:
    """The separator which gives the header the most columns, `id` among them when possible."""
    header = next((line for line in text.splitlines() if line.strip()), "")

    def fit(delimiter: str) -> tuple[bool, int]:
        cells = [cell.strip(' "') for cell in header.split(delimiter)]
        return "id" in cells, len(cells)

    return max(_DELIMITERS, key=fit)


def _header_problems(header: list[str], line: int) -> list[Problem]:
    problems = []
    if "id" not in header:
        close = closest("id", filter(None, header), limit=1)
        mend = f"rename {close[0]!r} to 'id'" if close else "add a column 'id' with a short name for each student"
        columns = ", ".join(map(repr, filter(None, header)))
        problems.append(Problem(f"the header has no column 'id', only {columns}", mend, line))
    for name in dict.fromkeys(header):
        if name and header.count(name) > 1:
            problems.append(Problem("the header has this column more than once", "rename or remove one", line, name))
    return problems


def _row_problems(header: list[str], line: int, cells: list[str]) -> list[Problem]:
    if len(cells) < len(header):
        what = f"the row has {len(cells)} cells, the header {len(header)} columns"
        return [Problem(what, "add what is missing, empty cells included", line)]
    problems = []
    for position, cell in enumerate(cells):
        name = header[position] if position < len(header) else ""
        if cell and not name:
            mend = "name the column, remove the cell, or put text that contains the separator in double quotes"
            problems.append(Problem(f"cell {position + 1} has no column in the header", mend, line, value=cell))
        elif name == "id":
            wrong = id_problem(cell) if cell else ("is empty", "give the student an id or remove the row")
            if wrong:
                problems.append(Problem(*wrong, line=line, column="id", value=cell))
    return problems
