"""Pure: costs in, Markdown out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from bench.measure import Cost

STEPS = ("cold", "unchanged", "teardown")
OURS = "coursevm"
FLOOR = "floor"


@dataclass(frozen=True)
class Result:
    """One run of one step by one client."""

    client: str
    size: int
    step: str
    cost: Cost


@dataclass(frozen=True)
class Row:
    """A client's step at one size: medians of its runs, and the slowest and quickest."""

    client: str
    size: int
    step: str
    runs: int
    requests: float
    seconds: float
    quickest: float
    slowest: float
    cpu: float
    memory: float

    @property
    def is_floor(self) -> bool:
        """Whether it is no client to work with, but the floor."""
        return self.client.startswith(FLOOR)


def rows(results: Iterable[Result]) -> list[Row]:
    """One row for each size, step and client; clients in the order in which they first ran."""
    groups: dict[tuple[int, str, str], list[Cost]] = {}
    for result in results:
        groups.setdefault((result.size, result.step, result.client), []).append(result.cost)
    made = []
    for (size, step, client), costs in groups.items():
        seconds = [cost.seconds for cost in costs]
        made.append(
            Row(
                client,
                size,
                step,
                len(costs),
                median(sum(cost.requests.values()) for cost in costs),
                median(seconds),
                min(seconds),
                max(seconds),
                median(cost.cpu for cost in costs),
                max(cost.memory for cost in costs),
            )
        )
    return sorted(made, key=lambda row: (row.size, STEPS.index(row.step)))


def costs_table(found: list[Row], size: int) -> str:
    """What every client took for a cohort of that size."""
    lines = [
        "| step | client | runs | requests | wall, s | range, s | CPU of the client, s | peak memory, MiB |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found:
        if row.size == size:
            lines.append(
                f"| {row.step} | {row.client} | {row.runs} | {row.requests:g} | {row.seconds:.1f} "
                f"| {row.quickest:.1f} to {row.slowest:.1f} | {row.cpu:.1f} | {row.memory:.0f} |"
            )
    return "\n".join(lines)


def ratios_table(found: list[Row], size: int) -> str:
    """How many times as much as this collection every other client took; empty without the collection or others."""
    ours = {row.step: row for row in found if row.size == size and row.client == OURS}
    others = [row for row in found if row.size == size and row.client != OURS and row.step in ours]
    if not others:
        return ""
    columns: list[Callable[[Row], float]] = [
        lambda row: row.requests,
        lambda row: row.seconds,
        lambda row: row.cpu,
        lambda row: row.memory,
    ]
    lines = [
        f"| step | client ÷ {OURS} | requests | wall | CPU | memory |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in others:
        ratios = (column(row) / column(ours[row.step]) for column in columns)
        lines.append(f"| {row.step} | {row.client} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    return "\n".join(lines)


def above_the_quickest(found: list[Row], size: int) -> list[str]:
    """For each step: how much longer this collection takes than the quickest client of all, the floor included."""
    said = []
    for step in STEPS:
        there = [row for row in found if (row.size, row.step) == (size, step)]
        ours = next((row for row in there if row.client == OURS), None)
        if ours and len(there) > 1:
            best = min((row for row in there if row.client != OURS), key=lambda row: row.seconds)
            said.append(
                f"{step}: {OURS} {ours.seconds:.1f} s, the quickest other client ({best.client}) {best.seconds:.1f} s: "
                f"{100 * (ours.seconds / best.seconds - 1):+.0f} %"
            )
    return said


def markdown(results: list[Result], facts: dict[str, str], notes: list[str]) -> str:
    """The whole page: facts about machine and versions, then tables for each size."""
    found = rows(results)
    parts = [
        "# Performance",
        "Written by `make bench`; run it again instead of changing this page. "
        "What is measured, and how: [bench/README.md](../bench/README.md).",
        "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in facts.items()),
    ]
    for size in sorted({row.size for row in found}):
        parts += [f"## {size} students", costs_table(found, size), ratios_table(found, size)]
        parts.append("\n".join(f"- {line}" for line in above_the_quickest(found, size)))
    if notes:
        parts += ["## Notes on this run", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(part for part in parts if part) + "\n"
