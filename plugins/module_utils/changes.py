# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module that changes files tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Done:
    """What was done, or would be: in words, and as a diff."""

    actions: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)

    def note(self, words: str) -> None:
        """Tell of something that has no better diff than its words."""
        self.actions.append(words)
        self.diff.append({"prepared": f"~ {words}\n"})

    def replace(self, path: str, content: str | None, secret: bool = False) -> None:
        """Tell of a file that gets another content, or with None is removed; call it before that is done."""
        words = f"{'remove' if content is None else 'write'} {path}"
        self.actions.append(words)
        if secret:
            self.diff.append({"prepared": f"~ {words} (its content is secret)\n"})
        else:
            headers = {"before_header": path, "after_header": path}
            self.diff.append({**headers, "before": read(path) or "", "after": content or ""})

    def result(self) -> dict[str, Any]:
        """What the module returns of it."""
        return {"changed": bool(self.actions), "actions": self.actions, "diff": self.diff}


def read(path: str) -> str | None:
    """The text of a file, None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
