"""On which ways another than root could put a link."""

from __future__ import annotations

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.roots_own import Directory, look, others_directory

ROOTS = Directory("root", "root", 0o755)
HOST = {
    "/": ROOTS,
    "/etc": ROOTS,
    "/srv": ROOTS,
    "/srv/staff": Directory("root", "staff", 0o2775),
    "/srv/private": Directory("root", "users", 0o750),
    "/tmp": Directory("root", "root", 0o1777),
    "/home": Directory("root", "root", 0o775),
    "/home/ada": Directory("ada", "users", 0o700),
    "/home/ada/link": "/etc",
    "/srv/data": "/home/ada/data",
    "/srv/up": "../etc",
    "/srv/below": "private/./",
    "/srv/loop": "loop",
    "/srv/numbers": Directory("0", "0", 0o775),
}


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/srv/a", None),
        ("/srv/a/b/c", None),  # root makes them
        ("/srv/private/a", None),
        ("/srv/numbers/a", None),
        ("/srv/up/a", None),
        ("/srv/below/a", None),
        ("/home/ada", None),  # what it is itself is no matter
        ("/srv/data", None),  # nor is a link in its place: it is root's
        ("/home/ada/a", "/home/ada"),
        ("/home/ada/link/a", "/home/ada"),
        ("/home/ada/../../srv/a", "/home/ada"),
        ("/srv/../home//ada/a", "/home/ada"),
        ("/srv/data/a", "/home/ada"),
        ("/srv/staff/a/b", "/srv/staff"),
        ("/tmp/a", "/tmp"),
    ],
)
def test_the_first_directory_that_is_not_roots_alone(path, other):
    assert others_directory(path, HOST.get) == (other and (other, HOST[other]))


def test_links_that_lead_nowhere_are_an_error():
    with pytest.raises(OSError, match="Too many levels"):
        others_directory("/srv/loop/a", HOST.get)


def test_what_is_there(tmp_path):
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory").chmod(0o751)
    (tmp_path / "link").symlink_to("directory")
    assert look(str(tmp_path / "directory")).mode == 0o751
    assert look("/").owner == "root"
    assert look(str(tmp_path / "link")) == "directory"
    assert look(str(tmp_path / "missing")) is None
