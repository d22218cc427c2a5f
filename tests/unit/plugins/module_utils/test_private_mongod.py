"""A child process in place of mongod. In the scenario mongodb, a stranger tries to be quicker than the first user."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.private_mongod import PrivateMongodError, private_mongod

SERVES = """#!/usr/bin/env python3
import signal, socket, sys
end = lambda *_: (open(sys.argv[2], "w").write("ended"), sys.exit())
signal.signal(signal.SIGTERM, end)
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[-1])
signal.pause()
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs it with such a program in place of mongod."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def run_program(text, timeout=10):
        (tmp_path / "mongod").write_text(text)
        (tmp_path / "mongod").chmod(0o755)
        return private_mongod("root", str(tmp_path / "config"), timeout)

    return run_program


def test_nobody_else_enters_and_nothing_is_left(run, tmp_path):
    with run(SERVES) as socket:
        directory = pathlib.Path(socket).parent
        found = directory.stat()
        assert (found.st_mode & 0o777, found.st_uid) == (0o700, 0)
        assert pathlib.Path(socket).is_socket()
    assert (tmp_path / "config").read_text() == "ended"
    assert not directory.exists()


@pytest.mark.parametrize(
    ("program", "said"),
    [("#!/bin/sh\necho Unrecognized option; exit 2\n", "Unrecognized option"), ("#!/bin/sh\nexec sleep 60\n", "why:")],
    ids=["ends", "never-listens"],
)
def test_one_that_does_not_start_is_an_error_with_what_it_says(run, program, said):
    with pytest.raises(PrivateMongodError, match=said), run(program, timeout=0.5):
        pass
