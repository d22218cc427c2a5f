"""A real child process; as another account only where the tests run as root."""

from __future__ import annotations

import os
import pwd

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.as_account import AccountError, run_as

HERE = pwd.getpwuid(os.geteuid())


def test_the_result_comes_back():
    assert run_as(HERE, lambda: {"a": [1, "ü"]}) == {"a": [1, "ü"]}


def test_an_error_comes_back_in_words():
    with pytest.raises(AccountError, match="ZeroDivisionError: division by zero"):
        run_as(HERE, lambda: 1 / 0)


def test_a_process_that_is_killed_is_an_error():
    with pytest.raises(AccountError, match="was killed"):
        run_as(HERE, lambda: os.kill(os.getpid(), 9))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_roots_rights_are_gone(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0o600)
    nobody = pwd.getpwnam("nobody")

    def look():
        return [os.getresuid(), os.getresgid(), 0 in os.getgroups(), os.access(tmp_path / "secret", os.R_OK)]

    assert run_as(nobody, look) == [[nobody.pw_uid] * 3, [nobody.pw_gid] * 3, False, False]
