"""A real directory: what is found in it, and that nothing of the student's is lost, whatever is in the way."""

from __future__ import annotations

import errno
import hashlib
import io
import os

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils import notebook_tree
from ansible_collections.ouseful.coursevm.plugins.module_utils.notebook_tree import StudentsOwn, Tree
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_notebooks import OTHER, Action


def version(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(params=["", "exchange", "link"])
def tree(tmp_path, monkeypatch, request):
    """On a file system that can all, and on such as can't exchange two names or make hard links."""

    def unsupported(*_arguments, **_options):
        raise OSError(errno.EPERM, "unsupported")

    if request.param:
        monkeypatch.setattr(
            *{"exchange": (notebook_tree, "exchange"), "link": (os, "link")}[request.param], unsupported
        )
    (tmp_path / "notebooks").mkdir()
    made = Tree(str(tmp_path / "notebooks"), max_size=1 << 20)
    yield made
    os.close(made.root)


@pytest.fixture
def root(tmp_path, tree):
    return tmp_path / "notebooks"


def do(tree, kind, path, *, executable=False, **options):
    action = Action(kind, path, version(b"new"), **options)
    tree.carry_out(action, executable, lambda: io.BytesIO(b"new"))


def files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_files_are_added_with_their_directories(root, tree):
    do(tree, "add", "a/b/c.ipynb", executable=True)
    assert files(root) == {"a/b/c.ipynb": b"new"}
    assert (root / "a/b/c.ipynb").stat().st_mode & 0o777 == 0o755


def test_what_was_delivered_is_updated_and_removed(root, tree):
    (root / "a").write_bytes(b"old")
    do(tree, "update", "a", replaces=version(b"old"))
    assert files(root) == {"a": b"new"}
    do(tree, "remove", "a")  # which is the new one now
    assert files(root) == {}


@pytest.mark.parametrize(
    ("kind", "options"),
    [("add", {}), ("update", {"replaces": version(b"old")}), ("remove", {}), ("beside", {"target": "a"})],
)
@pytest.mark.parametrize("own", ["file", "link", "directory", "pipe"])
def test_what_the_student_has_there_stays(tree, tmp_path, kind, options, own):
    root = tmp_path / "notebooks"
    (tmp_path / "elsewhere").write_bytes(b"old")
    if own == "file":
        (root / "a").write_bytes(b"own")
    elif own == "link":
        (root / "a").symlink_to(tmp_path / "elsewhere")
    elif own == "directory":
        (root / "a").mkdir()
    else:
        os.mkfifo(root / "a")
    before = os.lstat(root / "a")
    with pytest.raises(StudentsOwn):
        do(tree, kind, "a", **options)
    assert os.lstat(root / "a").st_ino == before.st_ino or own == "file"
    assert own != "file" or files(root) == {"a": b"own"}
    assert os.listdir(root) == ["a"]
    assert (tmp_path / "elsewhere").read_bytes() == b"old"


def test_a_file_that_the_student_saves_at_this_very_moment_is_not_lost(root, tree, monkeypatch):
    if tree is None or notebook_tree.exchange.__name__ == "unsupported":
        pytest.skip("needs an exchange of names")
    (root / "a").write_bytes(b"old")
    real = notebook_tree.exchange

    def saved_meanwhile(directory, one, other):
        monkeypatch.setattr(notebook_tree, "exchange", real)
        (root / "saving").write_bytes(b"own")
        (root / "saving").rename(root / "a")
        real(directory, one, other)

    monkeypatch.setattr(notebook_tree, "exchange", saved_meanwhile)
    with pytest.raises(StudentsOwn):
        do(tree, "update", "a", replaces=version(b"old"))
    assert files(root) == {"a": b"own"}


def test_links_on_the_way_are_not_followed(root, tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (root / "a").symlink_to(tmp_path / "elsewhere")
    assert tree.present(["a/b"]) == {"a": OTHER}
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        do(tree, "add", "a/b")
    assert os.listdir(tmp_path / "elsewhere") == []


def test_what_is_present(root, tree):
    (root / "d").mkdir()
    (root / "d/x.ipynb").write_bytes(b"old")
    (root / "d/x.from-course-12345678.ipynb").write_bytes(b"new")
    (root / "d/own").write_bytes(b"own")
    (root / "file").write_bytes(b"own")
    (root / "directory").mkdir()
    assert tree.present(["d/x.ipynb", "d/missing", "file/below", "directory", "none/at/all"]) == {
        "d/x.ipynb": version(b"old"),
        "d/x.from-course-12345678.ipynb": version(b"new"),
        "file": OTHER,
        "directory": OTHER,
    }


def test_what_is_too_large_to_have_been_delivered_is_not_read(root, tree):
    with open(root / "a", "wb") as file:
        file.truncate(1 << 40)
    assert tree.present(["a"]) == {"a": OTHER}


def test_a_full_disk_leaves_everything_as_it_was(root, tree):
    (root / "a").write_bytes(b"old")

    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        tree.carry_out(Action("update", "a", version(b"new"), version(b"old")), False, full)
    assert files(root) == {"a": b"old"}
