"""What is taken from archives and repositories. Both are real; git is, too."""

from __future__ import annotations

import hashlib
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.plugin_utils.upstream import (
    Archive,
    Member,
    Repository,
    UpstreamError,
    name_problem,
    select,
)

SIZE = 1 << 20
COLLECTIONS = pathlib.Path(__file__).parents[4] / ".ansible" / "collections"


def tar(path, names, kind=tarfile.REGTYPE):
    with tarfile.open(path, "w", encoding="utf-8", errors="surrogateescape") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return str(path)


def read(path, subdirectory=""):
    with Archive(path) as archive:
        return archive.files(subdirectory, SIZE)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../a", "leads out"),
        ("a/../../b", "leads out"),
        ("/etc/cron.d/a", "leads out"),
        ("a//b", "empty part"),
        ("a/./b", "empty part"),
        ("a\nb", "control"),
        ("\x1b[31m", "control"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "not UTF-8"),
        ("a/.GIT/config", "git's own"),
        ("a" * 250, "220 bytes"),
    ],
)
def test_names_that_are_refused(tmp_path, name, said):
    with pytest.raises(UpstreamError, match=said):
        read(tar(tmp_path / "a.tar", ["good", name]))
    if name.isprintable():
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo(name), "x")
        with pytest.raises(UpstreamError, match=said):
            read(str(tmp_path / "a.zip"))


@pytest.mark.parametrize("name", ["-rf", "two words.ipynb", "ünï/日本.ipynb", "$(id)", "a'b\"c", "..a", "a\\b"])
def test_names_that_are_odd_and_good(tmp_path, name):
    assert set(read(tar(tmp_path / "a.tar", [name]))[0]) == {name}
    assert name_problem(name) == ""


@given(st.text(min_size=1))
def test_a_good_name_stays_in_its_directory(name):
    if not name_problem(name):
        assert os.path.normpath(f"/root/{name}") == f"/root/{name}"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_plain_file_is_left_out_and_named(tmp_path, kind):
    path = tmp_path / "a.tar"
    tar(path, ["link"], kind)
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("plain")
        archive.addfile(info)
    files, left_out = read(str(path))
    assert (set(files), left_out) == ({"plain"}, ["link"])


def test_links_in_a_zip_are_left_out(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("plain", "x")
    files, left_out = read(str(tmp_path / "a.zip"))
    assert (set(files), left_out) == ({"plain"}, ["link"])


def test_a_subdirectory_is_taken_out_of_it(tmp_path):
    files, _ = read(tar(tmp_path / "a.tar", ["./repo-1/nb/a", "./repo-1/README", "repo-1/nbx/b"]), "repo-1/nb/")
    assert set(files) == {"a"}
    with pytest.raises(UpstreamError, match="no files below 'nb'"):
        read(str(tmp_path / "a.tar"), "nb")


@pytest.mark.parametrize(
    ("names", "said"), [(["a", "a"], "twice"), (["a", "a/b"], "a file and a directory"), (["a/b/c", "a"], "and a dir")]
)
def test_names_that_contradict_each_other_are_refused(names, said):
    with pytest.raises(UpstreamError, match=said):
        select([Member(name, 1, False, name) for name in names], "", SIZE)


def test_an_archive_that_is_too_large_is_refused():
    with pytest.raises(UpstreamError, match=r"have 1048577 bytes, more than 1048576"):
        select([Member("a", SIZE + 1, False, "a")], "", SIZE)


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a").write_text("<html>")
    with pytest.raises(UpstreamError, match="no archive that can be read"):
        read(str(tmp_path / "a"))


@pytest.mark.parametrize("kind", ["w", "w:gz", "w:xz"])
def test_an_archive_that_was_cut_off_is_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "a", kind) as archive:
        info = tarfile.TarInfo("a")
        info.size = SIZE // 2
        archive.addfile(info, io.BytesIO(os.urandom(info.size)))
    whole = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(whole[: SIZE // 4])
    with pytest.raises(UpstreamError, match="damaged"):
        read(str(tmp_path / "a"))


def test_contents_are_packed_by_version(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("b", "2")
        archive.writestr("c", "1")
    one = hashlib.sha256(b"1").hexdigest()
    with Archive(str(tmp_path / "a.zip")) as archive:
        files, _ = archive.files("", SIZE)
        archive.pack(files, [one], str(tmp_path / "packed.tar"))
    with tarfile.open(tmp_path / "packed.tar") as packed:
        assert packed.getnames() == [one]
        assert packed.extractfile(one).read() == b"1"


class Course:
    """A git repository of a course."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *command):
        identity = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", *command], cwd=self.path, env={**os.environ, **identity}, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, name, content):
        (self.path / name).write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path / "course")


def contents(path):
    with Archive(path) as archive:
        files, _ = archive.files("", SIZE)
        return {name: archive.open(file.source).read().decode() for name, file in files.items()}


def by_another_process(*repository):
    """The commit that a Python of its own finds for the branch."""
    command = [
        sys.executable,
        "-c",
        f"from {Repository.__module__} import *; print(Repository(*{repository}).archive('main')[1])",
    ]
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    return subprocess.check_output(command, env=environment, text=True).strip()


def test_a_commit_a_tag_and_a_branch_are_found(course, tmp_path):
    first = course.commit("a", "1")
    course.git("tag", "--annotate", "--message=x", "v1")
    second = course.commit("a", "2")
    repository = Repository(f"file://{course.path}", str(tmp_path / "cache"))
    for ref, commit, content in (("v1", first, "1"), ("main", second, "2"), (first, first, "1")):
        path, found = repository.archive(ref)
        assert (found, contents(path)) == (commit, {"a": content})


def test_a_commit_that_is_known_needs_no_repository_any_more(course, tmp_path):
    commit = course.commit("a", "1")
    repository = Repository(str(course.path), str(tmp_path / "cache"))
    repository.archive(commit)
    course.path.rename(tmp_path / "gone")
    assert contents(repository.archive(commit)[0]) == {"a": "1"}


def test_a_branch_is_looked_up_once_in_a_run(course, tmp_path):
    first = course.commit("a", "1")
    repository = (str(course.path), str(tmp_path / "cache"))
    assert Repository(*repository).archive("main")[1] == first
    second = course.commit("a", "2")
    assert Repository(*repository).archive("main")[1] == first
    assert by_another_process(*repository) == second
    # Its parent has the same number as the other's
    third = course.commit("a", "3")
    assert by_another_process(*repository) == third


@pytest.mark.parametrize("address", ["ext::sh -c id", "--upload-pack=id", "course", "fd::17", ""])
def test_addresses_that_would_run_something_are_refused(tmp_path, address):
    with pytest.raises(UpstreamError, match="repository: give"):
        Repository(address, str(tmp_path))


@pytest.mark.parametrize("ref", ["--output=/etc/passwd", "a..b", "a b", "", "HEAD~1", "none"])
def test_refs_that_are_none_are_refused(course, tmp_path, ref):
    course.commit("a", "1")
    with pytest.raises(UpstreamError, match="ref: "):
        Repository(str(course.path), str(tmp_path / "cache")).archive(ref)


def test_the_password_of_an_address_is_not_told(tmp_path):
    repository = Repository("https://ada:secret@localhost:1/x.git", str(tmp_path))
    with pytest.raises(UpstreamError, match="git fetch failed") as raised:
        repository.archive("main")
    assert "secret" not in str(raised.value)
