# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host's keys in the SSH client's known_hosts file, exchanged for keys that came over a trusted connection."""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import hashlib
import hmac
import os
import pathlib
import tempfile


def is_named(hosts: str, name: str) -> bool:
    """Whether the first field of a line is, or hides in a hash, this name. Patterns name nobody in particular."""
    if hosts.startswith("|1|"):
        salt, _, digest = hosts[3:].partition("|")
        made = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
        return hmac.compare_digest(base64.b64encode(made).decode(), digest)
    return name in hosts.split(",")


def exchanged(text: str, name: str, add: list[str], drop: list[str]) -> str:
    """The file's text without the keys to drop, and with those to add, each ``type base64``, for this name."""
    lines = []
    present = set()
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 3 and not line.startswith(("#", "@")) and is_named(fields[0], name):
            key = " ".join(fields[1:3])
            if key in drop:
                continue
            present.add(key)
        lines.append(line)
    lines += [f"{name} {key}" for key in add if key not in present]
    return "".join(f"{line}\n" for line in lines)


@dataclasses.dataclass(frozen=True)
class KnownHost:
    """A host as the SSH client on the control machine knows it: the file, and the name in it."""

    path: pathlib.Path
    name: str

    @classmethod
    def from_configuration(cls, configuration: str) -> KnownHost | None:
        """What ``ssh -G`` prints. None where the client keeps no file, so that there is nothing to exchange."""
        settings = dict(line.split(" ", 1) for line in configuration.splitlines() if " " in line)
        path = settings.get("userknownhostsfile", "none").split()[0]
        if path in ("none", "/dev/null"):
            return None
        host, port = settings["hostname"], settings.get("port", "22")
        name = settings.get("hostkeyalias") or (host if port == "22" else f"[{host}]:{port}")
        return cls(pathlib.Path(path).expanduser(), name)

    def exchange(self, add: list[str], drop: list[str]) -> None:
        """Rewrite the file. Other workers of the same play wait meanwhile."""
        lock = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
            after = exchanged(before, self.name, add, drop)
            if after == before:
                return
            handle, candidate = tempfile.mkstemp(dir=self.path.parent, prefix=".known_hosts-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(after)
            os.rename(candidate, self.path)
        finally:
            os.close(lock)
