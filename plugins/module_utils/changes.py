# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a module reads and writes files, and what it tells of its changes."""

from __future__ import annotations

import os
import tempfile
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


def write(path: str, content: str, mode: int = 0o644, owner: int = -1, group: int = -1) -> None:
    """Write a file beside its place and rename it: nobody reads half of it, and a link in its place isn't followed.

    Owner and group are numbers, -1 for our own. OSError when it can't be done, and then nothing is left of it.
    """
    handle, candidate = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".coursevm-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            os.fchown(handle, owner, group)
            os.fchmod(handle, mode)
            file.write(content)
            file.flush()
            os.fsync(handle)
        os.rename(candidate, path)
    except OSError:
        os.remove(candidate)
        raise
