# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module that changes files tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Done:
    """What was done, or would be: in words, and as a diff."""

    actions: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)

    def note(self, words: str) -> None:
        """Tell of something that has no better diff than its words."""
        self.actions.append(words)
        self.diff.append({"prepared": f"~ {words}\n"})


def read(path: str) -> str | None:
    """The text of a file, None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
