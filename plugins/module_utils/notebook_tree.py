# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A student's directory of notebooks: what is in it, and how files are put there without losing any of the student's.

Every path is walked directory by directory without following links. Files appear complete or not at all. The student
may be at work meanwhile, with an editor that writes in place or one that renames: no name is taken over what is there,
a file that is replaced changes places with the new one and is looked at then, and none is removed but one that has the
version it is to have and that nobody is writing.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import secrets
import signal
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_notebooks import OTHER, Action, beside, parents

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What a file system without hard links, or without an exchange of two names, says
UNSUPPORTED = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
# Seconds for which a file that somebody is writing is waited for; a save takes far less
PATIENCE = 2.0
BLOCK = 1 << 20


class StudentsOwn(Exception):
    """What is at a path has become the student's own since the plan was made."""


def version_of(file: BinaryIO) -> str:
    """The sha256 of a file's content."""
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def renameat2(directory: int, one: str, other: str, flag: int) -> None:
    """What renameat2(2) does, in a directory."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        raise OSError(errno.ENOSYS, "no renameat2")
    if libc.renameat2(directory, os.fsencode(one), directory, os.fsencode(other), flag):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def exchange(directory: int, one: str, other: str) -> None:
    """Exchange two names in a directory at once."""
    renameat2(directory, one, other, RENAME_EXCHANGE)


def rename_new(directory: int, name: str, new: str) -> None:
    """Rename a file unless there is something of the new name: FileExistsError."""
    renameat2(directory, name, new, RENAME_NOREPLACE)


def move(directory: int, name: str, new: str) -> None:
    """The same on any file system that has either of the ways."""
    try:
        rename_new(directory, name, new)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        os.link(name, new, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        os.unlink(name, dir_fd=directory)


def nobody_writes(handle: int) -> bool:
    """Whether no process has the file open for writing, after those that have it got the time to end their save.

    OSError where the file system can't tell.
    """
    until = time.monotonic() + PATIENCE
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # it comes when somebody opens the file in the moment of the question
    while True:
        try:
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)  # which is granted when nobody does
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            return True
        except OSError as error:
            if error.errno in UNSUPPORTED:
                raise OSError(error.errno, "the file system can't tell whether it is being saved (no leases)") from None
            if error.errno != errno.EAGAIN or time.monotonic() > until:
                return False
        time.sleep(0.02)


def hidden() -> str:
    """A name that nobody else knows."""
    return f".coursevm-{secrets.token_hex(8)}"


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
                os.unlink(self._take_out(opened, name, action.version), dir_fd=opened)
                return
            candidate = hidden()
            self._write(opened, candidate, executable, read)
            try:
                if action.kind == "update":
                    self._replace(opened, name, candidate, action)
                else:
                    self._add(opened, name, candidate)
            finally:
                if self._version(opened, candidate) == action.version:
                    os.unlink(candidate, dir_fd=opened)
                elif self._is_there(opened, candidate):
                    self._keep(opened, candidate, name)

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

    def _open(self, directory: int, name: str) -> BinaryIO | None:
        """The file of that name; None for what is no file, or too large."""
        try:
            # Not to hang on a pipe, nor to follow a link
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except OSError:
            return None
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > self.max_size:
            os.close(handle)
            return None
        return os.fdopen(handle, "rb")

    def _version(self, directory: int, name: str) -> str:
        file = self._open(directory, name)
        if file is None:
            return OTHER
        with file:
            return version_of(file)

    def _is(self, directory: int, name: str, version: str) -> bool:
        """Whether the file has this version, and will: nobody is writing it."""
        file = self._open(directory, name)
        if file is None:
            return False
        with file:
            return nobody_writes(file.fileno()) and version_of(file) == version

    def _make_directories(self, path: str) -> None:
        for above in parents(path):
            directory, _, name = above.rpartition("/")
            with self._directory(directory) as opened, contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=opened)

    @staticmethod
    def _write(directory: int, name: str, executable: bool, read: Callable[[], BinaryIO]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        handle = os.open(name, flags, 0o755 if executable else 0o644, dir_fd=directory)
        try:
            with os.fdopen(handle, "wb") as file, read() as source:
                while block := source.read(BLOCK):
                    file.write(block)
                file.flush()
                os.fsync(handle)
        except BaseException:
            os.unlink(name, dir_fd=directory)
            raise

    @staticmethod
    def _add(directory: int, name: str, candidate: str) -> None:
        """Give the new file its name unless something is there."""
        try:
            move(directory, candidate, name)
        except FileExistsError:
            raise StudentsOwn(name) from None

    def _replace(self, directory: int, name: str, candidate: str, action: Action) -> None:
        """Put the new file in the place of the version that it replaces, and of no other."""
        if not self._is(directory, name, action.replaces):
            raise StudentsOwn(name)
        try:
            exchange(directory, candidate, name)
        except FileNotFoundError:
            raise StudentsOwn(name) from None
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            self._replace_without_exchange(directory, name, candidate, action)
            return
        # What was there has the candidate's name now
        if self._let_go(directory, candidate, action.replaces):
            return
        # The student has saved it since: it goes back
        self._lay(directory, candidate, name)
        if not self._let_go(directory, candidate, action.version):
            # And has saved it again. It is the later one that belongs there
            self._lay(directory, candidate, name)
        raise StudentsOwn(name)

    def _replace_without_exchange(self, directory: int, name: str, candidate: str, action: Action) -> None:
        aside = self._take_out(directory, name, action.replaces)
        try:
            self._add(directory, name, candidate)
        except StudentsOwn:
            os.unlink(aside, dir_fd=directory)
            raise
        except OSError:
            self._put_back(directory, aside, name)
            raise
        os.unlink(aside, dir_fd=directory)

    def _take_out(self, directory: int, name: str, version: str) -> str:
        """Take this version, and no other, away from its name; the hidden name that it has then."""
        if not self._is(directory, name, version):
            raise StudentsOwn(name)
        aside = hidden()
        try:
            os.rename(name, aside, src_dir_fd=directory, dst_dir_fd=directory)
        except FileNotFoundError:
            raise StudentsOwn(name) from None
        if not self._is(directory, aside, version):
            self._put_back(directory, aside, name)
            raise StudentsOwn(name)
        return aside

    def _put_back(self, directory: int, aside: str, name: str) -> None:
        """Give a file its name back; where the student has saved another meanwhile, it is kept beside that."""
        try:
            move(directory, aside, name)
        except FileExistsError:
            self._keep(directory, aside, name)

    @staticmethod
    def _lay(directory: int, aside: str, name: str) -> None:
        """Give a file the name. What had it, if anything, lies aside then."""
        while True:
            try:
                exchange(directory, aside, name)
                return
            except FileNotFoundError:
                with contextlib.suppress(FileExistsError):
                    move(directory, aside, name)
                    return

    def _let_go(self, directory: int, aside: str, version: str) -> bool:
        """Remove what lies aside if it has this version, and no other; whether there is nothing any more."""
        if self._is(directory, aside, version):
            os.unlink(aside, dir_fd=directory)
        return not self._is_there(directory, aside)

    @staticmethod
    def _is_there(directory: int, name: str) -> bool:
        try:
            os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    @staticmethod
    def _keep(directory: int, aside: str, name: str) -> None:
        """Give a save of the student's that lies aside a name that the student sees."""
        while True:
            with contextlib.suppress(FileExistsError):
                move(directory, aside, beside(name, secrets.token_hex(4), what="saved"))
                return
