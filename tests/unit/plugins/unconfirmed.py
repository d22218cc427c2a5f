"""A directory that stands for a host whose change is to be confirmed. Its commands are run by a real shell.

Only systemctl is a stand-in, which writes down what it is told, and knows no service to start.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

from ansible_collections.ouseful.coursevm.plugins.module_utils.take_back import UNIT, guard_script


class Host:
    """The host: what is changed lies in ``etc``."""

    def __init__(self, root: pathlib.Path) -> None:
        self.etc, self.commit, self.units, self.bin = (root / name for name in ("etc", "commit", "units", "bin"))
        for directory in (self.etc, self.commit, self.units, self.bin):
            directory.mkdir()
        self.confirmed = root / "commit.confirmed"
        self.calls = root / "calls"
        (self.bin / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {self.calls}\ntest "$1" != start\n')
        (self.bin / "systemctl").chmod(0o755)
        for kind in ("timer", "service"):
            (self.units / f"{UNIT}.{kind}").write_text("")

    def read(self, names: list[str]) -> dict[str, bytes | None]:
        paths = {name: self.etc / name for name in names}
        return {name: path.read_bytes() if path.exists() else None for name, path in paths.items()}

    def write(self, contents: dict[str, bytes | None]) -> None:
        for name, content in contents.items():
            if content is None:
                (self.etc / name).unlink(missing_ok=True)
            else:
                (self.etc / name).write_bytes(content)

    def arm(self, names: list[str], undo: list[str]) -> None:
        saved: list[tuple[str, str | None]] = []
        for number, name in enumerate(names):
            copy = self.commit / str(number)
            if (self.etc / name).exists():
                shutil.copy2(self.etc / name, copy)
            saved.append((str(self.etc / name), str(copy) if copy.exists() else None))
        (self.commit / "guard").write_text(guard_script(str(self.commit), saved, undo, str(self.units)))
        (self.commit / "armed").write_text("token")

    def guard(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("/bin/sh", str(self.commit / "guard"), *arguments)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    def is_disarmed(self) -> bool:
        return not self.commit.exists() and not list(self.units.iterdir())
