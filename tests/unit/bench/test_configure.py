"""What is made of Ansible's own reports. `python -m bench.configure` makes real ones."""

from __future__ import annotations

import pytest

from bench.configure import changes
from bench.configure_report import Part, Run, growth, least, page, tally, targets
from bench.configured_hosts import BenchError

LINES = """\
task\t10.0\t
task\t10.5\touseful.coursevm.jupyter
task\t10.5\touseful.coursevm.jupyter
ssh
ssh
task\t12.0\touseful.coursevm.jupyter
skipped
end\t12.25
""".splitlines()


def run(tree="now", hosts=1, seconds=1.0, cpu=1.0, **more):
    parts = {"jupyter": Part(tasks=20 * hosts, round_trips=7 * hosts)}
    return Run(tree, hosts, more.get("parts", parts), seconds, cpu, 0.5 * hosts, 0)


def test_what_follows_a_task_is_its_roles():
    assert tally(LINES) == {"": Part(1, 0, 0, 0.5), "jupyter": Part(3, 1, 2, 1.75)}


def test_what_was_disturbed_least_counts():
    assert least([run(seconds=3.0, cpu=1.0), run(seconds=2.0, cpu=4.0), run(hosts=2)]) == [
        run(seconds=2.0, cpu=1.0),
        run(hosts=2),
    ]


def test_a_further_host_is_the_slope():
    assert growth([run(seconds=5.0, cpu=2.0), run(hosts=11, seconds=15.0, cpu=22.0)]).splitlines()[2:] == [
        "| 1 | 5.00 | 2.00 | 0.50 |",
        "| 11 | 15.00 | 22.00 | 5.50 |",
        "| each further host | 1.00 | 2.00 | 0.50 |",
    ]


def test_two_trees_have_a_ratio():
    runs = [run("before", cpu=2.0), run("before", 11, 9.0, 22.0), run(cpu=1.0), run(hosts=11, seconds=5.0, cpu=11.0)]
    assert growth(runs).splitlines()[2] == "| 1 | 1.00 | 1.00 | 1.00 | 2.00 | 1.00 | 0.50 | 0.50 | 0.50 | 1.00 |"
    assert targets(runs).splitlines()[2:] == [
        "| tasks per host | 20.00 | 20.00 | 1.00 | at most 0.60 |",
        "| SSH round trips per host | 7.00 | 7.00 | 1.00 | at most 0.75 |",
        "| CPU s of each further host | 2.00 | 1.00 | 0.50 | at most 0.70 |",
    ]


def test_the_page_shows_the_roles_of_the_new_tree():
    before = run("before", parts={"openrefine": Part(tasks=1, round_trips=1)})
    shown = page([before, run()], {"machine": "2 cores"})
    assert "| `jupyter` | 20 | 0 | 7 | 0.00 |" in shown
    assert "`openrefine`" not in shown


def test_changes_and_faults_are_read_from_the_recap():
    recap = "host01 : ok=20 changed=1 unreachable=0 failed=0\nhost02 : ok=20 changed=0 unreachable=0 failed=0\n"
    assert changes(recap) == 1
    with pytest.raises(BenchError):
        changes(recap.replace("unreachable=0", "unreachable=1"))
