# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sentences about names that don't exist, with the existing ones that come closest."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def closest(wanted: str, existing: Iterable[str], limit: int = 3) -> list[str]:
    """At most ``limit`` existing names, the most similar first; upper and lower case count as the same."""
    by_folded = {}
    for name in sorted(set(existing)):
        by_folded.setdefault(name.casefold(), name)
    folded = wanted.casefold()
    found = get_close_matches(folded, by_folded, n=limit, cutoff=0.5)
    found += [name for name in by_folded if name not in found and folded and (folded in name or name in folded)]
    return [by_folded[name] for name in found[:limit]]


def unknown(kind: str, wanted: str, existing: Iterable[str]) -> str:
    """Say that there is no ``kind`` called ``wanted``, and what there is instead."""
    names = sorted({name for name in existing if name})
    if not names:
        return f"No {kind} is called '{wanted}'; this project sees none at all."
    near = closest(wanted, names)
    if near:
        return f"No {kind} is called '{wanted}'. Closest: {', '.join(near)}."
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    return f"No {kind} is called '{wanted}'. There are: {shown}."
