# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether root alone can say what lies at a path. Pure but for ``look``.

What root makes or gives away in another's directory may be any of the host: a link in its place leads there.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable
from dataclasses import dataclass

MAX_LINKS = 40
ROOT = ("root", "0")


@dataclass(frozen=True)
class Directory:
    """A directory, or what is to become one."""

    owner: str
    group: str
    mode: int

    def __str__(self) -> str:
        """Its owner, group and mode, in words."""
        return f"owner {self.owner}, group {self.group}, mode {self.mode:04o}"

    def is_roots(self) -> bool:
        """Whether root alone can put something there."""
        writable_by_group = self.mode & stat.S_IWGRP and self.group not in ROOT
        return self.owner in ROOT and not writable_by_group and not self.mode & stat.S_IWOTH


def look(path: str) -> Directory | str | None:
    """What is there: a directory (as which anything else counts), a link's target, or nothing."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    return Directory(owner_name(status.st_uid), group_name(status.st_gid), stat.S_IMODE(status.st_mode))


def owner_name(number: int) -> str:
    """The account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    """The group's name, or its number where it has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def others_directory(path: str, look: Callable[[str], Directory | str | None] = look) -> tuple[str, Directory] | None:
    """The first directory on the way to the path that is not root's alone; None when they all are.

    Links are followed: below root's own directories, they are root's. What is missing is made by root. OSError when the
    links lead nowhere.
    """
    at, parts, links = "/", names(os.path.dirname(path)), 0
    while True:
        found = look(at)
        if isinstance(found, str):
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            at, parts = "/" if found.startswith("/") else os.path.dirname(at), names(found) + parts
            continue
        if found is not None and not found.is_roots():
            return at, found
        if not parts:
            return None
        name, *parts = parts
        at = os.path.dirname(at) if name == ".." else os.path.join(at, name)


def names(path: str) -> list[str]:
    """The names that a path consists of."""
    return [name for name in path.split("/") if name not in ("", ".")]
