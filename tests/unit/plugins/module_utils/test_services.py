"""Whether a service has read the files that are there. The scenarios service_units and site_proxy ask systemd."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.services import is_newer


@pytest.mark.parametrize(("age", "newer"), [(10, False), (0, True)])
def test_a_file_is_newer_than_a_start_five_seconds_ago(tmp_path, age, newer):
    path = tmp_path / "file"
    path.touch()
    os.utime(path, (time.time() - age,) * 2)
    started = str(int((time.monotonic() - 5) * 1e6))
    assert is_newer([str(path), str(tmp_path / "none")], started) is newer


def test_no_file_is_newer_than_nothing():
    assert is_newer([], "0") is False
