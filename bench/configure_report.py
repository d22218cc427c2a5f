"""Pure: what runs of the playbook configure cost, as a Markdown page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

# What may at most be left of the tree before. Set after profiling; bench/README.md says why these.
TARGETS = {"tasks": 0.6, "round_trips": 0.75, "cpu": 0.7}


@dataclass(frozen=True)
class Part:
    """What one role (empty: the playbook itself) did on all hosts."""

    tasks: int = 0
    skipped: int = 0
    round_trips: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Run:
    """One run of the playbook; ``cpu`` is of the control machine, ``hosts_cpu`` of all hosts together, in seconds."""

    tree: str
    hosts: int
    parts: Mapping[str, Part]
    seconds: float
    cpu: float
    hosts_cpu: float
    changed: int

    def per_host(self, what: str) -> float:
        """A figure of all parts together, for each host."""
        return sum(getattr(part, what) for part in self.parts.values()) / self.hosts


def tally(lines: Iterable[str]) -> dict[str, Part]:
    """What each role did, from the lines of the callback `tally` and of ssh's stand-in.

    All hosts are at the same task at a time, so that what follows the start of a task is its own until another starts.
    """
    parts: dict[str, Part] = {}
    role, since = "", None
    for line in lines:
        word, *more = line.rstrip("\n").split("\t")
        if word in ("task", "end"):
            now = float(more[0])
            if since is not None:
                parts[role] = replace(parts[role], seconds=parts[role].seconds + now - since)
            since = now
        if word == "task":
            role = more[1].removeprefix("ouseful.coursevm.")
            part = parts.get(role, Part())
            parts[role] = replace(part, tasks=part.tasks + 1)
        elif word == "skipped":
            parts[role] = replace(parts[role], skipped=parts[role].skipped + 1)
        elif word == "ssh":
            parts[role] = replace(parts[role], round_trips=parts[role].round_trips + 1)
    return parts


def least(runs: Iterable[Run]) -> list[Run]:
    """Of runs of the same tree on as many hosts, one that has the least of each: whatever else is done only adds."""
    best: dict[tuple[str, int], Run] = {}
    for run in runs:
        other = best.setdefault((run.tree, run.hosts), run)
        parts = {
            role: replace(part, seconds=min(part.seconds, other.parts.get(role, part).seconds))
            for role, part in run.parts.items()
        }
        best[run.tree, run.hosts] = replace(
            run,
            parts=parts,
            seconds=min(run.seconds, other.seconds),
            cpu=min(run.cpu, other.cpu),
            hosts_cpu=min(run.hosts_cpu, other.hosts_cpu),
        )
    return list(best.values())


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose first column is words and whose others are figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("|" + "|".join(f" {cell} " if cell != "" else " " for cell in line) + "|" for line in lines)


def growth(runs: Sequence[Run]) -> str:
    """How the costs grow with the hosts; with a ratio where there is a tree to compare with."""
    trees = list(dict.fromkeys(run.tree for run in runs))
    found = {(run.tree, run.hosts): run for run in runs}
    kinds = {"seconds": "seconds", "cpu": "CPU s", "hosts_cpu": "CPU s of the hosts"}
    head = ["hosts"]
    for name in kinds.values():
        head += [*(f"{name}, {tree}" for tree in trees), "ratio"] if len(trees) > 1 else [name]
    rows: list[list[object]] = []
    for hosts in sorted({run.hosts for run in runs}):
        cells = [compared([getattr(found[tree, hosts], kind) for tree in trees]) for kind in kinds]
        rows.append([hosts, *chain(*cells)])
    if len(rows) > 1:
        cells = [compared([further(runs, tree, kind) for tree in trees]) for kind in kinds]
        rows.append(["each further host", *chain(*cells)])
    return markdown(head, rows)


def compared(figures: Sequence[float]) -> list[str]:
    """The figures, and how many times the first the last is."""
    cells = [f"{figure:.2f}" for figure in figures]
    return [*cells, f"{figures[-1] / figures[0]:.2f}"] if len(figures) > 1 else cells


def further(runs: Sequence[Run], tree: str, what: str) -> float:
    """What each host adds, between the fewest and the most hosts."""
    own = sorted((run for run in runs if run.tree == tree), key=lambda run: run.hosts)
    return (getattr(own[-1], what) - getattr(own[0], what)) / (own[-1].hosts - own[0].hosts)


def targets(runs: Sequence[Run]) -> str:
    """What a host costs; beside a tree to compare with, also what it ought to cost."""
    trees = list(dict.fromkeys(run.tree for run in runs))
    first = {tree: fewest(runs, tree) for tree in trees}
    figures = {
        "tasks": ("tasks per host", [run.per_host("tasks") for run in first.values()]),
        "round_trips": ("SSH round trips per host", [run.per_host("round_trips") for run in first.values()]),
    }
    if len({run.hosts for run in runs}) > 1:
        figures["cpu"] = ("CPU s of each further host", [further(runs, tree, "cpu") for tree in trees])
    if len(trees) == 1:
        return markdown(["", ""], [[name, *compared(of)] for name, of in figures.values()])
    rows = [[name, *compared(of), f"at most {TARGETS[what]:.2f}"] for what, (name, of) in figures.items()]
    return markdown(["", *trees, "ratio", "target"], rows)


def fewest(runs: Sequence[Run], tree: str) -> Run:
    """A tree's run on the fewest hosts."""
    return min((run for run in runs if run.tree == tree), key=lambda run: run.hosts)


def roles(run: Run) -> str:
    """What each role does on a host, and how long it takes on all."""
    rows: list[list[object]] = [
        [
            f"`{role}`" if role else "the playbook",
            *(f"{count / run.hosts:g}" for count in (part.tasks, part.skipped, part.round_trips)),
            f"{part.seconds:.2f}",
        ]
        for role, part in run.parts.items()
    ]
    return markdown(["role", "tasks", "of them skipped", "SSH round trips", "seconds"], rows)


def page(runs: Sequence[Run], facts: Mapping[str, str]) -> str:
    """The whole report: runs on one host and on more, of one tree or two (the first is what is compared with)."""
    runs = least(runs)
    newest = fewest(runs, runs[-1].tree)
    return "\n\n".join(
        [
            "# What an unchanged run of `configure` costs",
            "Written by `python -m bench.configure`; run it again instead of changing this page. "
            "What is measured, and how: [bench/README.md](../bench/README.md).",
            markdown(["", ""], facts.items()).replace("---:", "---"),
            targets(runs),
            "## From one host to many",
            growth(runs),
            "## Which role does what, on one host",
            roles(newest) + "\n",
        ]
    )
