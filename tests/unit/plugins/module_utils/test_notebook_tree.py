"""A real directory: what is found in it, and that nothing of the student's is lost, whatever is in the way."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import itertools
import os

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils import notebook_tree
from ansible_collections.ouseful.coursevm.plugins.module_utils.notebook_tree import StudentsOwn, Tree
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_notebooks import OTHER, Action


def version(content):
    return hashlib.sha256(content).hexdigest()


LACKING = {
    "all": [],
    "exchange": [(notebook_tree, "exchange")],
    "link": [(os, "link")],
    "renameat2": [(notebook_tree, "exchange"), (notebook_tree, "rename_new")],
}


def unsupported(*_arguments, **_options):
    raise OSError(errno.EPERM, "unsupported")


@pytest.fixture(params=LACKING)
def tree(tmp_path, monkeypatch, request):
    """On a file system that can all, and on such as can't exchange two names, make hard links, or either rename."""
    for lacking in LACKING[request.param]:
        monkeypatch.setattr(*lacking, unsupported)
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


def in_place(path, content):
    """Save as an editor does that opens the file and writes to it."""
    path.write_bytes(content)


def renaming(path, content):
    """Save as one does that writes another file and gives it the name."""
    saving = path.with_name(".saving")
    saving.write_bytes(content)
    saving.rename(path)


class Student:
    """Saves in the chosen gaps between the steps of a delivery, and knows what has to be there after it."""

    def __init__(self, path, save, gaps):
        self.path, self.save, self.gaps = path, save, gaps
        self.gap = 0
        self.saved = []

    def pause(self):
        """A gap."""
        if self.gap in self.gaps:
            content = b"save %d" % self.gap
            if self.path.exists() and self.path.read_bytes() in self.saved:
                self.saved.remove(self.path.read_bytes())  # the student's own hand writes over it
            self.save(self.path, content)
            self.saved.append(content)
        self.gap += 1

    def watch(self, monkeypatch):
        """Be there before and after every step that looks at a file or changes a name."""

        def watched(step):
            def with_gaps(*arguments, **options):
                self.pause()
                try:
                    return step(*arguments, **options)
                finally:
                    self.pause()

            return with_gaps

        steps = [(notebook_tree, name) for name in ("exchange", "rename_new", "nobody_writes", "version_of")]
        for place, name in [*steps, *((os, name) for name in ("link", "unlink"))]:
            monkeypatch.setattr(place, name, watched(getattr(place, name)))


DELIVERIES = {"add": (None, {}), "update": (b"old", {"replaces": version(b"old")}), "remove": (b"new", {})}
GAPS = range(32)
SEVERAL = [(), *((gap,) for gap in GAPS), *itertools.combinations(GAPS, 2), *itertools.combinations(range(12), 3)]


def deliver_to(student, kind, lacking):
    """Make such a delivery on such a file system while the student is at work; what is there after it."""
    root = student.path.parent
    root.mkdir()
    there, options = DELIVERIES[kind]
    if there:
        student.path.write_bytes(there)
    tree = Tree(str(root), max_size=1 << 20)
    with pytest.MonkeyPatch.context() as patched, contextlib.suppress(StudentsOwn):
        patched.setattr(os, "fsync", lambda _: None)
        for missing in LACKING[lacking]:
            patched.setattr(*missing, unsupported)
        student.watch(patched)
        do(tree, kind, student.path.name, **options)
    os.close(tree.root)
    return files(root)


@pytest.mark.parametrize("kind", DELIVERIES)
@pytest.mark.parametrize("save", [in_place, renaming])
@pytest.mark.parametrize("lacking", ["all", "exchange", "renameat2"])
def test_no_save_is_lost_in_whatever_moments_the_student_saves(tmp_path, kind, save, lacking):
    most = 0
    for number, gaps in enumerate(SEVERAL):
        student = Student(tmp_path / f"{number}/a.ipynb", save, gaps)
        present = deliver_to(student, kind, lacking)
        most = max(most, student.gap)
        assert set(student.saved) <= set(present.values()), gaps
        if student.saved and len(gaps) < 3:
            assert present["a.ipynb"] == student.saved[-1], gaps
        assert not [name for name in present if name.startswith(".")], gaps
        assert len(present) <= 1 + len(student.saved), gaps
    assert 4 <= most <= len(GAPS)  # all of them were tried


@pytest.mark.parametrize("kind", DELIVERIES)
@pytest.mark.parametrize("lacking", ["all", "exchange", "renameat2"])
def test_no_save_is_lost_that_is_under_way(tmp_path, monkeypatch, kind, lacking):
    monkeypatch.setattr(notebook_tree, "PATIENCE", 0)
    for begun in GAPS:
        opened = []

        def begin(path, _content, opened=opened):
            with contextlib.suppress(FileNotFoundError):
                opened.append(path.open("r+b"))

        student = Student(tmp_path / f"{begun}/a.ipynb", begin, (begun,))
        deliver_to(student, kind, lacking)
        for file in opened:
            with file:
                file.write(b"own")
        present = files(student.path.parent)
        assert list(present.values()) == [b"own"] if opened else len(present) < 2, begun
        assert set(present) <= {"a.ipynb"}, begun


def test_a_save_under_way_is_waited_for(root, tree, monkeypatch):
    (root / "a").write_bytes(b"old")
    saving = (root / "a").open("r+b")

    def end_it(_seconds):
        saving.write(b"own")
        saving.close()

    monkeypatch.setattr(notebook_tree.time, "sleep", end_it)
    with pytest.raises(StudentsOwn):
        do(tree, "update", "a", replaces=version(b"old"))
    assert files(root) == {"a": b"own"}


@pytest.mark.parametrize("kind", ["update", "remove"])
def test_where_a_save_under_way_cannot_be_seen_nothing_is_done(root, tree, monkeypatch, kind):
    (root / "a").write_bytes(b"new")

    def no_leases(*_arguments):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(notebook_tree.fcntl, "fcntl", no_leases)
    with pytest.raises(OSError, match="the file system can't tell whether it is being saved"):
        do(tree, kind, "a", replaces=version(b"new"))
    assert files(root) == {"a": b"new"}


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
