# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do about a course's files in a student's directory: upstream, delivered, present in; actions out. Pure.

A version is the sha256 of a file's content. The one rule: a file of the student's is never replaced or removed, and a
file is the student's unless its version is the one that was delivered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

# What is at a path and is no plain file: a link, a directory, something that cannot be read. It has no version.
OTHER = ""


@dataclasses.dataclass(frozen=True)
class Action:
    """One thing to do.

    ``kind``: add (there is nothing at the path), update (what was delivered is there), beside (at a path of its own,
    because the student's file is there), kept (the same, but the new version is not laid anywhere), remove, or blocked:
    nothing can be done, because the student has something else where a directory would be.
    ``version`` is what is written, for remove what is removed; ``replaces`` is the version that update finds there.
    """

    kind: str
    path: str
    version: str
    replaces: str = ""
    target: str = ""

    @property
    def written(self) -> str:
        """The path that is written."""
        return self.target or self.path


@dataclasses.dataclass(frozen=True)
class Plan:
    """The actions in order, and for every path the version that the student has been given once they are done."""

    actions: list[Action]
    delivered: dict[str, str]


def beside(path: str, version: str, number: int = 0, what: str = "from-course") -> str:
    """Where a new version is laid when the path holds the student's own: ``a/b.from-course-1a2b3c4d.ipynb``."""
    directory, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    again = f"-{number}" if number else ""
    return f"{directory}{slash}{stem}.{what}-{version[:8]}{again}{dot}{suffix}"


def parents(path: str) -> list[str]:
    """The directories above a path, from the top."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def plan(
    upstream: Mapping[str, str],
    delivered: Mapping[str, str],
    present: Mapping[str, str],
    keep_both: bool = True,
    remove: bool = False,
) -> Plan:
    """What to do.

    ``present`` has the version of what is at the paths of upstream and delivered and beside them, and whatever is no
    directory where one of these paths has one. ``keep_both`` lays a new version beside a file that the student has
    changed; ``remove`` removes what upstream no longer has, where the student has not changed it.
    """
    actions: list[Action] = []
    given = dict(delivered)
    now_at = dict(present)
    # First, so that a directory can come where a file was
    for path, version in sorted(delivered.items() if remove else ()):
        if path not in upstream:
            if present.get(path) == version:
                actions.append(Action("remove", path, version))
                del now_at[path]
            del given[path]
    taken = {*now_at, *upstream}
    for path, version in sorted(upstream.items()):
        before, now = delivered.get(path), now_at.get(path)
        if version in (now, before):
            # It is there, or it was given once: whatever the student has done since is the student's decision
            given[path] = version
        elif now is None and before is not None:
            continue  # deleted by the student
        elif any(above in now_at for above in parents(path)):
            actions.append(Action("blocked", path, version))
        else:
            given[path] = version
            if now is None:
                actions.append(Action("add", path, version))
            elif now == before:
                actions.append(Action("update", path, version, replaces=now))
            elif not keep_both:
                actions.append(Action("kept", path, version))
            elif target := free_path(path, version, now_at, taken):
                taken.add(target)
                actions.append(Action("beside", path, version, target=target))
    return Plan(actions, given)


def free_path(path: str, version: str, present: Mapping[str, str], taken: set[str]) -> str:
    """A path beside this one at which there is nothing; empty when the version lies at one of them already."""
    number = 0
    while (target := beside(path, version, number)) in taken:
        if present.get(target) == version:
            return ""
        number += 1
    return target
