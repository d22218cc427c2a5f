# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A course's files on the control machine: out of an archive, or of a commit, which git packs into one.

What an archive says of itself is not believed: names are checked, and nothing is unpacked to a name out of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import secrets
import subprocess
import tarfile
import time
import typing as t
import unicodedata
import zipfile
import zlib

from ansible_collections.ouseful.coursevm.plugins.module_utils.notebook_tree import version_of
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_notebooks import parents

# "ext::" and the like would run commands
REPOSITORY = re.compile(r"(https?|ssh|file)://\S+|/[^\0]+|[\w.-]+@[\w.-]+:\S+")
PROTOCOLS = "file:http:https:ssh"
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")
# A file system has 255 bytes for a name; what is laid beside a file has a longer one
MAX_NAME = 220
KEPT_SECONDS = 24 * 3600
# RuntimeError is what zipfile says when it needs a password
DAMAGED = (OSError, EOFError, RuntimeError, tarfile.TarError, zipfile.BadZipFile, zlib.error)
SYMLINK_MODE = 0o120000
# Made before ansible-playbook forks for its hosts, so it is theirs and no other run's. Its number would come back.
RUN = secrets.token_hex()


class UpstreamError(Exception):
    """Why there is nothing to deliver, in words, with the mend."""


class Member(t.NamedTuple):
    """An entry of an archive. ``source`` is its own object; None for what is no plain file."""

    name: str
    size: int
    executable: bool
    source: t.Any


class File(t.NamedTuple):
    """A file that is to be delivered."""

    version: str
    executable: bool
    source: t.Any


def name_problem(name: str) -> str:
    """What is wrong with a name; nothing for one that stays in its directory and that every system can show."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        return "leads out of its directory"
    if "" in parts or "." in parts:
        return "has an empty part"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "is not UTF-8, or has control characters"
    if any(part.lower() == ".git" for part in parts):
        return "is one of git's own"
    if any(len(part.encode()) > MAX_NAME for part in parts):
        return f"has a part of more than {MAX_NAME} bytes"
    return ""


def select(members: t.Iterable[Member], subdirectory: str, max_size: int) -> tuple[dict[str, Member], list[str]]:
    """The plain files below the subdirectory by their paths in it, and the names of what is left out.

    Raises UpstreamError for names that cannot be taken, so that half a course is never delivered.
    """
    files: dict[str, Member] = {}
    left_out = []
    prefix = f"{subdirectory.strip('/')}/" if subdirectory.strip("/") else ""
    for member in members:
        name = member.name.removeprefix("./")
        if problem := name_problem(name):
            raise UpstreamError(f"the name {name!r} {problem}. Rename it in the course's files.")
        if not name.startswith(prefix):
            continue
        path = name.removeprefix(prefix)
        if member.source is None:
            left_out.append(path)
        elif path in files:
            raise UpstreamError(f"{path!r} is there twice. Remove one of the two.")
        else:
            files[path] = member
    for path in files:
        if above := next((directory for directory in parents(path) if directory in files), None):
            raise UpstreamError(f"{above!r} is a file and a directory. Rename one of the two.")
    if not files:
        raise UpstreamError(f"subdirectory: there are no files below {subdirectory!r}.")
    if (size := sum(member.size for member in files.values())) > max_size:
        raise UpstreamError(f"max_size: all files together have {size} bytes, more than {max_size}.")
    return files, left_out


class Archive:
    """A tar or zip file, open."""

    def __init__(self, path: str) -> None:
        self.stack = contextlib.ExitStack()
        try:
            if zipfile.is_zipfile(path):
                self.zip: zipfile.ZipFile | None = self.stack.enter_context(zipfile.ZipFile(path))
            else:
                self.zip = None
                self.tar = self.stack.enter_context(
                    tarfile.open(path, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115 (on the stack)
                )
        except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise UpstreamError(f"archive: {path} is no archive that can be read: {error}.") from None

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stack.close()

    def members(self) -> t.Iterator[Member]:
        """All entries but directories."""
        if self.zip is None:
            for info in self.tar:
                if not info.isdir():
                    yield Member(info.name, info.size, bool(info.mode & 0o100), info if info.isreg() else None)
            return
        for entry in self.zip.infolist():
            mode = entry.external_attr >> 16
            # Without the flag, Python takes a name for CP437, which no one has meant for a century
            is_utf8 = bool(entry.flag_bits & 0x800) or entry.filename.isascii()
            name = entry.filename if is_utf8 else os.fsdecode(entry.filename.encode("cp437"))
            if not entry.is_dir():
                is_link = mode & 0o170000 == SYMLINK_MODE
                yield Member(name, entry.file_size, bool(mode & 0o100), None if is_link else entry)

    def open(self, source: t.Any) -> t.IO[bytes]:
        """The content of an entry."""
        return self.zip.open(source) if self.zip else self.tar.extractfile(source)

    def files(self, subdirectory: str, max_size: int) -> tuple[dict[str, File], list[str]]:
        """What is to be delivered, with versions; and what is left out."""
        try:
            selected, left_out = select(self.members(), subdirectory, max_size)
            files = {}
            for path, member in selected.items():
                with self.open(member.source) as content:
                    files[path] = File(version_of(content), member.executable, member.source)
        except DAMAGED as error:
            raise UpstreamError(f"archive: it is damaged, or encrypted: {error}. Make it anew.") from None
        return files, left_out

    def pack(self, files: dict[str, File], versions: list[str], target: str) -> None:
        """Write the contents of these versions into a tar file, each under its version as the name."""
        wanted = {file.version: file for file in files.values() if file.version in versions}
        with tarfile.open(target, "w") as packed:
            for version, file in wanted.items():
                info = tarfile.TarInfo(version)
                info.size = file.source.file_size if self.zip else file.source.size
                with self.open(file.source) as content:
                    packed.addfile(info, content)


class Repository:
    """A git repository, mirrored in a directory of the control machine that several plays may use at once."""

    def __init__(self, address: str, cache: str) -> None:
        if not REPOSITORY.fullmatch(address):
            raise UpstreamError("repository: give an https://, ssh:// or file:// address, or an absolute path.")
        self.address = address
        self.path = pathlib.Path(cache).expanduser() / hashlib.sha256(address.encode()).hexdigest()[:16]

    def archive(self, ref: str) -> tuple[str, str]:
        """The path of an archive of this ref, and its commit.

        A commit that is there already needs no look at the repository. Anything else is looked up once in a run of
        ansible-playbook, whatever the number of its hosts.
        """
        if not REF.fullmatch(ref) or ".." in ref:
            raise UpstreamError(f"ref: {ref!r} is neither a commit nor a tag nor a branch.")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.path / "lock", "a+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.seek(0)
            commit = self._commit(ref)
            if not commit or (not COMMIT.fullmatch(ref) and lock.read() != RUN):
                self._fetch()
                lock.truncate(0)
                lock.write(RUN)
                commit = self._commit(ref)
            if not commit:
                raise UpstreamError(f"ref: the repository has no commit, tag or branch {ref!r}.")
            packed = self.path / f"{commit}.tar"
            if not packed.exists():
                self._git("archive", "--format=tar", f"--output={packed}.new", commit)
                os.rename(f"{packed}.new", packed)
            self._remove_old(packed)
        return str(packed), commit

    def _remove_old(self, packed: pathlib.Path) -> None:
        """Remove archives that no play can still be reading."""
        for path in self.path.glob("*.tar"):
            if path != packed and time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()

    def _commit(self, ref: str) -> str:
        """The commit of a ref, a tag before a branch; empty when there is none."""
        names = [ref] if COMMIT.fullmatch(ref) else [f"refs/tags/{ref}", f"refs/heads/{ref}"]
        for name in names:
            command = ["rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}"]
            found = self._run(*command).stdout.strip()
            if found:
                return found
        return ""

    def _fetch(self) -> None:
        if not (self.path / "HEAD").exists():
            self._git("init", "--quiet", "--bare")
        self._git("fetch", "--quiet", "--force", "--prune", "--no-write-fetch-head", "--end-of-options", self.address,
                  "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")  # fmt: skip

    def _git(self, *command: str) -> None:
        done = self._run(*command)
        if done.returncode:
            said = re.sub(r"//[^/@\s]+@", "//", done.stderr.strip())  # not the password of an address
            raise UpstreamError(f"repository: git {command[0]} failed: {said}.")

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": PROTOCOLS}
        try:
            return subprocess.run(
                ["git", f"--git-dir={self.path}", *command],
                capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except FileNotFoundError:
            raise UpstreamError("repository: there is no git on the control machine. Install it.") from None
