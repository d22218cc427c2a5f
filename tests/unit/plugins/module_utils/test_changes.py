"""What a module tells of its changes."""

from __future__ import annotations

from ansible_collections.ouseful.coursevm.plugins.module_utils.changes import Done


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
