# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A student's directory of notebooks: what is in it, and how files are put there without losing any of the student's.

Every path is walked directory by directory without following links. Files appear complete or not at all. The student
may be at work meanwhile: a file that is replaced is exchanged first and looked at then.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_notebooks import OTHER, Action, parents

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What a file system without hard links, or without an exchange of two names, says
UNSUPPORTED = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
RENAME_EXCHANGE = 2
BLOCK = 1 << 20


class StudentsOwn(Exception):
    """What is at a path has become the student's own since the plan was made."""


def version_of(file: BinaryIO) -> str:
    """The sha256 of a file's content."""
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def exchange(directory: int, one: str, other: str) -> None:
    """Exchange two names in a directory at once."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        raise OSError(errno.ENOSYS, "no renameat2")
    if libc.renameat2(directory, os.fsencode(one), directory, os.fsencode(other), RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Tree:
    """The directory, open. What is larger than ``max_size`` was never delivered, so it need not be read."""

    def __init__(self, root: str, max_size: int) -> None:
        self.max_size = max_size
        self.root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def present(self, paths: Iterable[str]) -> dict[str, str]:
        """Versions of what is at the paths, and of files that lie beside them; OTHER where a directory is none."""
        found: dict[str, str] = {}
        directories: dict[str, set[str]] = {}
        for path in paths:
            directory, _, name = path.rpartition("/")
            directories.setdefault(directory, set()).add(name)
        for directory, names in directories.items():
            for above in parents(f"{directory}/x") if directory else []:
                if (kind := self._kind(above)) is not None and not stat.S_ISDIR(kind):
                    found[above] = OTHER
            with contextlib.suppress(OSError), self._directory(directory) as opened:
                for name in os.listdir(opened):
                    if name in names or ".from-course-" in name:
                        path = f"{directory}/{name}" if directory else name
                        found[path] = self._version(opened, name)
        return found

    def carry_out(self, action: Action, executable: bool, read: Callable[[], BinaryIO]) -> None:
        """Do what the action says. Raises StudentsOwn, or OSError, and then nothing was changed."""
        path = action.written
        directory, _, name = path.rpartition("/")
        if action.kind in ("add", "beside"):
            self._make_directories(path)
        with self._directory(directory) as opened:
            if action.kind == "remove":
                self._remove(opened, name, action.version)
                return
            candidate = f".coursevm-{secrets.token_hex(8)}"
            try:
                self._write(opened, candidate, executable, read)
                if action.kind == "update":
                    self._replace(opened, name, candidate, action.replaces)
                else:
                    self._add(opened, name, candidate)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(candidate, dir_fd=opened)

    @contextlib.contextmanager
    def _directory(self, path: str) -> Iterator[int]:
        """The directory at a path, opened without following a link."""
        opened = os.dup(self.root)
        try:
            for part in path.split("/") if path else []:
                below = os.open(part, DIRECTORY, dir_fd=opened)
                os.close(opened)
                opened = below
            yield opened
        finally:
            os.close(opened)

    def _kind(self, path: str) -> int | None:
        directory, _, name = path.rpartition("/")
        try:
            with self._directory(directory) as opened:
                return os.stat(name, dir_fd=opened, follow_symlinks=False).st_mode
        except OSError:
            return None

    def _version(self, directory: int, name: str) -> str:
        try:
            # Not to hang on a pipe, nor to follow a link
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except OSError:
            return OTHER
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > self.max_size:
            os.close(handle)
            return OTHER
        with os.fdopen(handle, "rb") as file:
            return version_of(file)

    def _make_directories(self, path: str) -> None:
        for above in parents(path):
            directory, _, name = above.rpartition("/")
            with self._directory(directory) as opened, contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=opened)

    @staticmethod
    def _write(directory: int, name: str, executable: bool, read: Callable[[], BinaryIO]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        handle = os.open(name, flags, 0o755 if executable else 0o644, dir_fd=directory)
        with os.fdopen(handle, "wb") as file, read() as source:
            while block := source.read(BLOCK):
                file.write(block)
            file.flush()
            os.fsync(handle)

    @staticmethod
    def _add(directory: int, name: str, candidate: str) -> None:
        """Give the new file its name unless something is there."""
        try:
            os.link(candidate, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError:
            raise StudentsOwn(name) from None
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            # No hard links: hold the name with an empty file of our own, then replace that
            try:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory))
            except FileExistsError:
                raise StudentsOwn(name) from None
            os.rename(candidate, name, src_dir_fd=directory, dst_dir_fd=directory)

    def _replace(self, directory: int, name: str, candidate: str, version: str) -> None:
        """Put the new file in the place of this version, and of no other."""
        if self._version(directory, name) != version:
            raise StudentsOwn(name)
        try:
            exchange(directory, candidate, name)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            os.rename(candidate, name, src_dir_fd=directory, dst_dir_fd=directory)
            return
        # What was there has the candidate's name now: the student may have saved it since
        if self._version(directory, candidate) != version:
            exchange(directory, candidate, name)
            raise StudentsOwn(name)

    def _remove(self, directory: int, name: str, version: str) -> None:
        """Remove this version, and no other."""
        if self._version(directory, name) != version:
            raise StudentsOwn(name)
        aside = f".coursevm-{secrets.token_hex(8)}"
        os.rename(name, aside, src_dir_fd=directory, dst_dir_fd=directory)
        if self._version(directory, aside) == version:
            os.unlink(aside, dir_fd=directory)
            return
        self._add(directory, name, aside)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside, dir_fd=directory)
        raise StudentsOwn(name)
