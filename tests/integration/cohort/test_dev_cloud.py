"""The inventory and the preflight against the development cloud: what they find, and what they say when it fails."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import uuid

import pytest
import yaml

from tests.integration.conftest import ADMIN_CLOUD, CLOUDS, REPOSITORY, USER_CLOUD, connect

LAUNCH = {"image": "fake-image", "flavor": "m1.nano", "external_network": "public"}


class Cohort:
    """A cohort with a name of its own, and an inventory for it."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.name = f"t{uuid.uuid4().hex[:6]}"

    def run(self, tool: str, *arguments: str, clouds: pathlib.Path = CLOUDS) -> tuple[int, str, str]:
        """Runs one of Ansible's programs; gives its exit status and output, of which a traceback is never part."""
        environment = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(clouds), "ANSIBLE_STDOUT_CALLBACK": "minimal"}
        environment |= {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
        command = [sys.executable, "-m", f"ansible.cli.{tool}", *arguments]
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stdout + done.stderr
        return done.returncode, done.stdout, " ".join(done.stderr.split())

    def module(self, name: str, clouds: pathlib.Path = CLOUDS, **arguments) -> dict:
        arguments = {"cloud": USER_CLOUD, "cohort": self.name, **arguments}
        options = ["localhost", "-i", "localhost,", "-c", "local", "-m", f"ouseful.coursevm.{name}"]
        _, output, _ = self.run("adhoc", *options, "-a", json.dumps(arguments), clouds=clouds)
        return json.loads(output.partition(" => ")[2])

    def preflight(self, students: list[str], clouds: pathlib.Path = CLOUDS, **changes) -> dict:
        return self.module("preflight", clouds, students=students, **{**LAUNCH, **changes})

    def inventory(self, roster: list[str], clouds: pathlib.Path = CLOUDS, **options) -> tuple[dict, str]:
        """What ansible-inventory lists ({} when it fails), and the warnings and errors."""
        (self.directory / "students.csv").write_text("\n".join(["id", *roster]))
        config = {"plugin": "ouseful.coursevm.cohort", "cohort": self.name, "cloud": USER_CLOUD, **options}
        file = self.directory / "cohort.yml"
        file.write_text(json.dumps(config))
        status, output, errors = self.run("inventory", "-i", str(file), "--list", clouds=clouds)
        return json.loads(output) if status == 0 else {}, errors


@pytest.fixture(scope="module")
def cohort(tmp_path_factory, cloud):
    """A cohort with VMs for ada and grace on the fake compute host; nothing of it is left at the end."""
    made = Cohort(tmp_path_factory.mktemp("cohort"))
    network = f"coursevm-{made.name}"
    students = [{"student": "ada"}, {"student": "grace"}]
    try:
        stack = made.module("network_stack", external_network="public", subnets=[{"cidr": "10.78.0.0/24"}])
        assert stack["changed"], stack
        made.instances = made.module(
            "instances",
            image="fake-image",
            flavor="m1.nano",
            network=network,
            floating_network="public",
            availability_zone="fake",
            instances=students,
        )["instances"]
        yield made
    finally:
        made.module("instances", instances=students, state="absent")
        made.module("network_stack", state="absent")


@pytest.fixture
def broken_clouds(tmp_path):
    """A function that writes a copy of clouds.yaml with other settings for the login."""

    def write(**auth) -> pathlib.Path:
        settings = yaml.safe_load(CLOUDS.read_text())
        settings["clouds"][USER_CLOUD]["auth"] |= auth
        file = tmp_path / "clouds.yaml"
        file.write_text(yaml.safe_dump(settings))
        return file

    return write


def plain(value):
    """Values without ansible-inventory's mark that they are no templates."""
    if isinstance(value, dict):
        return value.get("__ansible_unsafe") or {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def test_hosts_have_their_instances(cohort):
    listed, warnings = cohort.inventory(["mary", "grace", "ada"])
    assert warnings == ""
    assert listed[f"coursevm_cohort_{cohort.name}"]["hosts"] == ["mary", "grace", "ada"]
    hostvars = plain(listed["_meta"]["hostvars"])
    for made in cohort.instances:
        variables = hostvars[made["student"]]
        instance = variables["coursevm_instance"]
        assert {key: instance[key] for key in ("id", "name", "status", "floating_ip")} == {
            key: made[key] for key in ("id", "name", "status", "floating_ip")
        }
        assert variables["ansible_host"] == made["floating_ip"]
        assert instance["fixed_ips"][0].startswith("10.78.0.")
    assert not {"coursevm_instance", "ansible_host"} & hostvars["mary"].keys()


def test_an_instance_of_nobody_is_told_and_is_no_host(cohort):
    listed, warnings = cohort.inventory(["grace"])
    assert f"{cohort.name}-ada (ada)" in warnings
    variables = plain(listed["_meta"]["hostvars"])
    assert list(variables) == ["grace"]
    assert [stray["student"] for stray in variables["grace"]["coursevm_strays"]] == ["ada"]


def test_preflight_counts_the_new_students_only(cohort):
    result = cohort.preflight(["ada", "grace", "mary"])
    assert not result.get("failed"), result
    assert result["new_students"] == ["mary"]
    assert result["requests"] <= 7
    checks = {check["name"]: check for check in result["checks"]}
    assert all(check["ok"] for check in checks.values())
    assert checks["quota_instances"]["detail"].startswith("1 needed")
    assert {"cloud", "role", "image", "flavor", "image_fits_flavor", "external_network"} <= checks.keys()
    assert {"quota_cores", "quota_ram", "quota_port", "quota_floatingip"} <= checks.keys()
    assert "quota_router" not in checks


def test_preflight_names_everything_that_is_wrong(cohort):
    result = cohort.preflight(["mary"], image="fake-imag", flavor="m1.nan", external_network="publik")
    failed = {check["name"]: check["detail"] for check in result["checks"] if not check["ok"]}
    assert set(failed) == {"image", "flavor", "external_network"}
    assert "fake-image" in failed["image"]
    assert "m1.nano" in failed["flavor"]
    assert "public" in failed["external_network"]
    assert all(f"- {name}: " in result["msg"] for name in failed)


@pytest.fixture
def poor_clouds(cohort, broken_clouds):
    """A clouds.yaml for a user who may only look, in a project of its own that is short of everything."""
    admin = connect(ADMIN_CLOUD)
    project = admin.identity.create_project(name=f"{cohort.name}-poor", domain_id="default")
    user = None
    try:
        user = admin.identity.create_user(name=project.name, password=uuid.uuid4().hex, default_project_id=project.id)
        admin.identity.assign_project_role_to_user(project, user, admin.identity.find_role("reader"))
        admin.set_compute_quotas(project.id, instances=2, cores=2, ram=2048)
        admin.set_network_quotas(project.id, floatingip=1, network=0)
        admin.set_volume_quotas(project.id, volumes=1, gigabytes=30)
        settings = {"username": user.name, "password": user.password, "project_name": project.name}
        yield broken_clouds(**settings)
    finally:
        admin.delete_compute_quotas(project.id)
        admin.delete_network_quotas(project.id)
        admin.delete_volume_quotas(project.id)
        if user:
            admin.identity.delete_user(user)
        admin.identity.delete_project(project)


def test_preflight_sees_that_role_and_quotas_do_not_suffice(cohort, poor_clouds):
    result = cohort.preflight(["ada", "grace"], poor_clouds, flavor="m2.small")
    failed = {check["name"]: check for check in result["checks"] if not check["ok"]}
    assert failed.keys() == {"role", "quota_cores", "quota_floatingip", "quota_network"}
    assert failed["quota_cores"]["detail"] == "4 needed, 2 free (0 of 2 in use)"
    assert failed["quota_cores"]["mend"].startswith("Ask for a quota of 4")
    assert "Ask for the role member" in failed["role"]["mend"]
    volumes = cohort.preflight(["ada", "grace"], poor_clouds, flavor="m2.small", volume_size=20)
    failed_then = {check["name"]: check["detail"] for check in volumes["checks"] if not check["ok"]}
    assert failed_then.keys() - failed.keys() == {"quota_volumes", "quota_gigabytes"}
    assert failed_then["quota_gigabytes"] == "40 needed, 30 free (0 of 30 in use)"


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ({"password": "wrong"}, "wrong user name, password, domain or project"),
        ({"auth_url": "http://127.0.0.1:9/v3"}, "Connection refused"),
        ({"auth_url": "http://cloud.invalid:5000/v3"}, "Name or service not known"),
    ],
)
def test_a_login_that_fails(cohort, broken_clouds, auth, said):
    clouds = broken_clouds(**auth)
    result = cohort.preflight(["mary"], clouds)
    assert [(check["name"], check["ok"]) for check in result["checks"]] == [("cloud", False)]
    assert said in result["msg"]

    listed, warnings = cohort.inventory(["ada"], clouds)
    assert list(listed["_meta"]["hostvars"]) == ["ada"]
    assert said in warnings
    listed, errors = cohort.inventory(["ada"], clouds, require_cloud=True)
    assert "ada" not in json.dumps(listed)
    assert said in errors


def test_an_unknown_cloud_names_the_known_ones(cohort):
    result = cohort.preflight(["mary"], cloud="coursevm-dve")
    assert f"closest: {USER_CLOUD}" in result["msg"]
    assert USER_CLOUD in cohort.inventory(["ada"], cloud="coursevm-dve")[1]
