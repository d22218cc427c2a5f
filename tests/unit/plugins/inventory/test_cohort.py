"""The inventory: the join of roster and cloud, and what ansible-inventory makes of files."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from ansible.errors import AnsibleParserError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.inventory import cohort
from ansible_collections.ouseful.coursevm.plugins.module_utils import observed, ownership
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_instances import sorted_servers

ROOT = pathlib.Path(__file__).parents[4]
STUDENTS = [{"id": "grace", "group": "A"}, {"id": "ada", "group": "B"}, {"id": "mary", "group": "A"}]
NO_CLOUD = {"OS_CLIENT_CONFIG_FILE": "/nonexistent/clouds.yaml"}


def vm_of(student: str | None, number: int = 1, created: str = "2026-10-01T08:00:00Z", addresses: dict | None = None):
    """As the compute service describes a server, as far as the inventory reads it."""
    return {
        "id": f"00000000-{number:04}",
        "name": f"tm351-{student}",
        "status": "ACTIVE",
        "created": created,
        "tags": list(ownership.tags("tm351", student)),
        "addresses": addresses or {},
    }


def test_an_instance_belongs_to_its_student():
    addresses = {
        "coursevm-tm351": [
            {"addr": "10.30.0.7", "version": 4, "OS-EXT-IPS:type": "fixed"},
            {"addr": "192.0.2.7", "version": 4, "OS-EXT-IPS:type": "floating"},
        ]
    }
    instances, strays = cohort.join(STUDENTS, [vm_of("ada", addresses=addresses), vm_of("grace", 2)], {})
    assert instances["ada"] == {
        "id": "00000000-0001",
        "name": "tm351-ada",
        "status": "ACTIVE",
        "floating_ip": "192.0.2.7",
        "fixed_ips": ["10.30.0.7"],
    }
    assert instances["grace"]["floating_ip"] is None
    assert strays == []


def test_the_network_service_knows_of_floating_ips_that_the_compute_service_does_not():
    instances, strays = cohort.join(STUDENTS, [vm_of("ada"), vm_of("eve", 2)], {"00000000-0001": "192.0.2.7"})
    assert instances["ada"]["floating_ip"] == "192.0.2.7"
    assert strays[0]["floating_ip"] is None


def test_of_two_instances_the_older_is_the_students():
    servers = [vm_of("ada", 1, "2026-10-02T08:00:00Z"), vm_of("ada", 2, "2026-10-01T08:00:00Z")]
    instances, strays = cohort.join(STUDENTS, servers, {})
    assert instances["ada"]["id"] == "00000000-0002"
    assert [(stray["student"], stray["id"]) for stray in strays] == [("ada", "00000000-0001")]


def test_of_two_instances_that_which_ran_is_the_students_as_the_engine_says():
    ran = {**vm_of("ada", 1, "2026-10-02T08:00:00Z"), "OS-SRV-USG:launched_at": "2026-10-02T08:01:00"}
    never = vm_of("ada", 2, "2026-10-01T08:00:00Z")
    for going in (None, "deleting"):
        never["OS-EXT-STS:task_state"] = going
        instances, strays = cohort.join(STUDENTS, [never, ran], {})
        assert (instances["ada"]["id"], strays[0]["id"]) == (ran["id"], never["id"])
        used, _spare = sorted_servers("ada", observed.CohortState("", tuple(map(observed.server, (never, ran)))))
        assert used[0].id == instances["ada"]["id"]


@given(st.lists(st.tuples(st.sampled_from(["ada", "grace", "eve", None]), st.integers(0, 3)), max_size=8))
def test_every_instance_is_a_students_or_a_stray(found):
    servers = [vm_of(student, number, f"2026-10-0{day + 1}T08:00:00Z") for number, (student, day) in enumerate(found)]
    instances, strays = cohort.join(STUDENTS, servers, {})
    named = [instance["id"] for instance in instances.values()] + [stray["id"] for stray in strays]
    assert sorted(named) == [each["id"] for each in servers]
    assert {student for student, _ in found} - {"eve", None} == set(instances)


@pytest.mark.parametrize(
    ("expression", "ids"),
    [
        (None, ["grace", "ada", "mary"]),
        ("[?group=='A']", ["grace", "mary"]),
        ("sort_by(@, &id)[:2]", ["grace", "ada"]),
        ("[?group=='C']", []),
    ],
)
def test_select_keeps_the_order_of_the_roster(expression, ids):
    assert [student["id"] for student in cohort.select(STUDENTS, expression)] == ids


@pytest.mark.parametrize("expression", ["[?group==", "[].id", "length(@)", "nonsense", "[].{id: id}"])
def test_select_refuses_what_gives_no_students(expression):
    with pytest.raises(AnsibleParserError, match="select"):
        cohort.select(STUDENTS, expression)


@pytest.fixture
def inventory(tmp_path):
    """A function that writes an inventory and gives what ansible-inventory prints: variables and warnings."""

    def run(config: str, roster: str = "id,name,group\ngrace,{{ 1+1 }},A\nada,Ada,B\n", **environment):
        (tmp_path / "students.csv").write_text(roster)
        (tmp_path / "tm351.cohort.yml").write_text(f"plugin: ouseful.coursevm.cohort\n{config}")
        done = subprocess.run(
            [sys.executable, "-m", "ansible.cli.inventory", "-i", str(tmp_path / "tm351.cohort.yml"), "--list"],
            cwd=ROOT,
            env={**os.environ, **NO_CLOUD, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout) if done.returncode == 0 else None, " ".join(done.stderr.split())

    return run


def test_hosts_from_the_roster_alone(inventory):
    listed, warnings = inventory("cohort: tm-351\n")
    assert warnings == ""
    assert listed["coursevm_students"] == {"children": ["coursevm_cohort_tm_351"]}
    assert listed["coursevm_cohort_tm_351"]["hosts"] == ["grace", "ada"]
    variables = listed["_meta"]["hostvars"]["grace"]
    assert variables["coursevm_student"]["id"] == {"__ansible_unsafe": "grace"}
    assert variables["coursevm_student"]["name"] == {"__ansible_unsafe": "{{ 1+1 }}"}
    assert variables["coursevm_cloud"] is None
    assert variables["coursevm_strays"] == []
    assert not {"ansible_host", "coursevm_instance"} & variables.keys()


def test_select_and_constructed_groups(inventory):
    config = """cohort: tm351
select: "[?group=='A']"
compose: {shown: coursevm_student.id | upper}
keyed_groups: [{key: coursevm_student.group, prefix: tutorial}]
groups: {without_instance: coursevm_instance is not defined}
"""
    listed, _ = inventory(config)
    assert listed["tutorial_A"]["hosts"] == listed["without_instance"]["hosts"] == ["grace"]
    assert list(listed["_meta"]["hostvars"]) == ["grace"]
    assert listed["_meta"]["hostvars"]["grace"]["shown"] == {"__ansible_unsafe": "GRACE"}


def test_a_cloud_that_is_not_there_is_a_warning(inventory):
    listed, warnings = inventory("cohort: tm351\ncloud: faculty\n")
    assert "No cloud is called 'faculty'" in warnings
    assert listed["coursevm_cohort_tm351"]["hosts"] == ["grace", "ada"]


@pytest.mark.parametrize("required", [False, True])
def test_a_network_service_that_refuses_costs_the_addresses_that_only_it_knows(inventory, server, tmp_path, required):
    known = {"tm351": [{"addr": "172.24.4.9", "OS-EXT-IPS:type": "floating"}]}
    servers = [vm_of("grace", 1), vm_of("ada", 2, addresses=known)]
    server.answers = [(200, {"servers": servers}), (403, "not allowed")]
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(json.dumps({"clouds": {"faculty": {"auth": server.auth()}}}))
    config = f"cohort: tm351\ncloud: faculty\nrequire_cloud: {required}\n"
    listed, warnings = inventory(config, OS_CLIENT_CONFIG_FILE=str(clouds))
    assert "HTTP 403 from the network service of cloud 'faculty'" in warnings
    if required:
        assert listed is None
        return
    assert "tm351: no floating IP is known of tm351-grace." in warnings
    hosts = listed["_meta"]["hostvars"]
    assert hosts["ada"]["ansible_host"] == {"__ansible_unsafe": "172.24.4.9"}
    assert hosts["grace"]["coursevm_instance"]["name"] == {"__ansible_unsafe": "tm351-grace"}
    assert "ansible_host" not in hosts["grace"]


@pytest.mark.parametrize(
    ("config", "roster", "said"),
    [
        ("cohort: tm351\ncloud: faculty\nrequire_cloud: true\n", "id\nada\n", "No cloud is called 'faculty'"),
        ("cohort: TM351\n", "id\nada\n", "cohort: 'TM351' is not a lower-case letter"),
        ("roster: students.csv\n", "id\nada\n", "Required config 'cohort'"),
        ("cohort: tm351\nroster: staff.csv\n", "id\nada\n", "staff.csv: the roster cannot be read"),
        ("cohort: tm351\n", "id\nAda\nada\nada\n", "line 2, column 'id', value 'Ada': is not a student id"),
        ("cohort: tm351\n", "id\nAda\nada\nada\n", "line 4, column 'id', value 'ada': is already in line 3"),
    ],
)
def test_errors_are_words(inventory, config, roster, said):
    listed, errors = inventory(config, roster)
    assert listed is None
    assert said in errors
