"""How a module writes files, and what it tells of its changes."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.changes import Done, write


def test_nothing_done_is_no_change():
    assert Done().result() == {"changed": False, "actions": [], "diff": []}


def test_a_file_is_shown_as_it_was_and_as_it_becomes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old\r\n")
    done = Done()
    done.replace(str(path), "new\n")
    done.replace(str(path), None)
    assert done.actions == [f"write {path}", f"remove {path}"]
    assert [(one["before"], one["after"]) for one in done.diff] == [("old\r\n", "new\n"), ("old\r\n", "")]


def test_a_secret_file_is_named_only(tmp_path):
    path = tmp_path / "file"
    path.write_text("old secret")
    done = Done()
    done.replace(str(path), "new secret", secret=True)
    assert done.result() == {
        "changed": True,
        "actions": [f"write {path}"],
        "diff": [{"prepared": f"~ write {path} (its content is secret)\n"}],
    }


def test_a_file_is_replaced_and_not_what_a_link_in_its_place_names(tmp_path):
    precious, path = tmp_path / "precious", tmp_path / "file"
    precious.write_text("as it was")
    path.symlink_to(precious)
    write(str(path), "one\r\ntwo\n", mode=0o640)
    assert path.read_bytes() == b"one\r\ntwo\n"
    assert stat.S_IMODE(path.lstat().st_mode) == 0o640
    assert precious.read_text() == "as it was"


def test_of_a_file_that_cannot_be_written_nothing_is_left(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("as it was")

    def refuse(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left on device"):
        write(str(path), "new")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("file", "as it was")]
