"""What is made of Ansible's own reports. `python -m bench.configure` makes real ones."""

from __future__ import annotations

import pytest

from bench.configure import BenchError, Run, changes, table, tasks_done


def test_figures_are_per_host():
    assert table([Run(1, 20, 8, 10.0, 0), Run(10, 200, 81, 40.04, 0)]).splitlines()[2:] == [
        "| 1 | 20 | 8.0 | 10.0 | 10.0 |",
        "| 10 | 20 | 8.1 | 40.0 | 4.0 |",
    ]


def test_skipped_tasks_do_not_count(tmp_path):
    (tmp_path / "configure.xml").write_text(
        '<testsuites><testsuite><testcase name="a"/><testcase name="b"><skipped/></testcase><testcase name="c"/>'
        "</testsuite></testsuites>"
    )
    assert tasks_done(tmp_path) == 2


def test_changes_and_faults_are_read_from_the_recap():
    recap = "host01 : ok=20 changed=1 unreachable=0 failed=0\nhost02 : ok=20 changed=0 unreachable=0 failed=0\n"
    assert changes(recap) == 1
    with pytest.raises(BenchError):
        changes(recap.replace("unreachable=0", "unreachable=1"))
