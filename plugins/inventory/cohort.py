# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cohort as Ansible sees it: the roster joined with the cohort's instances in the cloud."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cohort
short_description: One host per student of a cohort
description:
  - Reads the students from a roster (CSV) and joins them with the cohort's instances in an OpenStack cloud,
    which it finds by their tags with one list request. Where the compute service knows of no floating IP, the network
    service is asked, too.
  - There is one host per student, named by the student's id, in the order of the roster, in the groups
    C(coursevm_students) and C(coursevm_cohort_<cohort>).
  - Host variables are C(coursevm_student) (the row of the roster) and, when the student has an instance,
    C(coursevm_instance) (C(id), C(name), C(status), C(floating_ip), C(fixed_ips)). C(ansible_host) is the floating IP,
    when there is one.
  - Variables of the cohort's group are C(coursevm_cohort), C(coursevm_cloud), C(coursevm_state_dir) and
    C(coursevm_strays), the cohort's instances in the cloud which belong to nobody in the roster. Those are no hosts, so
    that no play configures or removes them by accident; a warning names them.
  - Values from the roster and the cloud are never evaluated as templates.
version_added: 0.1.0
author: The ouseful.coursevm contributors (@ouseful)
requirements:
  - openstacksdk >= 4.0 (when O(cloud) is set)
  - jmespath (when O(select) is set)
notes:
  - "C(ansible.cfg) has to enable the plugin, and, when the inventory is given as a directory, to keep Ansible from
    reading the roster as an inventory - C([inventory]) C(enable_plugins = ouseful.coursevm.cohort,
    ansible.builtin.yaml) and C(ignore_extensions = .csv)."
extends_documentation_fragment:
  - ansible.builtin.constructed
options:
  plugin:
    description: Marks the file as one for this plugin. Its name ends in C(cohort.yml) or C(cohort.yaml).
    required: true
    choices: [ouseful.coursevm.cohort]
  cohort:
    description: The cohort's name, as the modules of this collection tag its resources with it.
    type: str
    required: true
  roster:
    description:
      - The CSV file with the students, relative to the inventory file, in UTF-8, separated by C(,), C(;) or tab.
      - Its header must have the column C(id), a lower-case letter and up to 30 lower-case letters, digits and hyphens.
        Every column is passed on in C(coursevm_student). The inventories of this collection give the role
        C(student_access) the SSH keys of a column C(public_keys), one or more lines in a cell.
    type: str
    default: students.csv
  select:
    description:
      - A L(JMESPath,https://jmespath.org) expression which picks students out of the list of the roster's rows.
        Their order remains the roster's.
    type: str
  cloud:
    description:
      - The cloud's name in C(clouds.yaml).
      - Without one the hosts come from the roster alone and no cloud is asked.
    type: str
  state_dir:
    description:
      - Directory on the control machine where the cohort's keys and encrypted passwords are kept, relative to the
        inventory file. Plays find its full path in C(coursevm_state_dir).
    type: str
    default: .state
  require_cloud:
    description:
      - Whether it is an error when the cloud cannot be asked. Otherwise it is a warning, and the hosts come from the
        roster alone, or without the floating IPs that only Neutron knows.
    type: bool
    default: false
"""

EXAMPLES = r"""
# inventories/tm351/cohort.yml, next to students.csv
plugin: ouseful.coursevm.cohort
cohort: tm351-26j
cloud: faculty

---
# Only the students of one tutorial group, and a group per campus
plugin: ouseful.coursevm.cohort
cohort: tm351-26j
cloud: faculty
roster: students.csv
select: "[?group == 'A']"
keyed_groups:
  - key: coursevm_student.campus
    prefix: campus
groups:
  coursevm_without_instance: coursevm_instance is not defined
"""

import os
import typing as t

from ansible.errors import AnsibleParserError
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.ouseful.coursevm.plugins.module_utils import ownership, roster
from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import NAME_PATTERN

try:
    import jmespath
    from jmespath.exceptions import JMESPathError
except ImportError:
    jmespath = None

STUDENTS_GROUP = "coursevm_students"
# Seconds for one answer. An inventory that waits longer for a silent cloud looks hung.
API_TIMEOUT = 30


class InventoryModule(BaseInventoryPlugin, Constructable):
    NAME = "ouseful.coursevm.cohort"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith(("cohort.yml", "cohort.yaml"))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        cohort, cloud = self.get_option("cohort"), self.get_option("cloud")
        if not NAME_PATTERN.fullmatch(cohort):
            raise AnsibleParserError(f"cohort: {cohort!r} is not {roster.STUDENT_ID_RULE}.")
        directory = os.path.dirname(os.path.abspath(path))
        file = os.path.join(directory, os.path.expanduser(self.get_option("roster")))
        try:
            students = roster.read(file)
        except roster.RosterError as error:
            raise AnsibleParserError(str(error)) from None
        instances, strays = join(students, *(self._ask(cloud, cohort) if cloud else ([], {})))
        if strays:
            names = ", ".join(f"{stray['name']} ({stray['student'] or 'no student'})" for stray in strays)
            self.display.warning(f"{cohort}: instances in the cloud which belong to nobody in the roster: {names}")

        state_dir = os.path.join(directory, os.path.expanduser(self.get_option("state_dir")))
        group = self._add_groups(cohort, coursevm_cloud=cloud, coursevm_state_dir=state_dir, coursevm_strays=strays)
        for student in select(students, self.get_option("select")):
            self._add_host(group, student, instances.get(student["id"]))

    def _ask(self, cloud: str, cohort: str) -> tuple[list[t.Any], dict[str, str]]:
        """The cohort's servers and the floating IPs of their ids; a warning where the cloud doesn't tell."""
        # openstacksdk takes a while to import: only where a cloud is to be asked.
        from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import (  # noqa: PLC0415
            IMPORT_ERROR,
            Cloud,
            CloudError,
        )

        try:
            if IMPORT_ERROR:
                raise CloudError(missing_required_lib("openstacksdk", reason="to ask the cloud for the instances"))
            connection = Cloud({"cloud": cloud, "api_timeout": API_TIMEOUT})
            servers = connection.list(
                "compute", "/servers/detail", "servers", {"tags": ",".join(ownership.tags(cohort))}
            )
        except CloudError as error:
            self._do_without(f"{cohort}: hosts come from the roster alone, without addresses", error)
            return [], {}
        # Nova hears of a new floating IP some seconds after Neutron
        unknown = [server["name"] for server in servers if not floating_ip(server)]
        try:
            return servers, floating_ips(connection) if unknown else {}
        except CloudError as error:
            self._do_without(f"{cohort}: no floating IP is known of {', '.join(unknown)}", error)
            return servers, {}

    def _do_without(self, what: str, error: Exception) -> None:
        if self.get_option("require_cloud"):
            raise AnsibleParserError(str(error)) from None
        self.display.warning(f"{what}. {error}")

    def _add_groups(self, cohort: str, **variables: t.Any) -> str:
        """Adds the groups and the variables of the cohort; returns the name of the cohort's group."""
        group = self.inventory.add_group(self._sanitize_group_name(f"coursevm_cohort_{cohort}"))
        self.inventory.add_child(self.inventory.add_group(STUDENTS_GROUP), group)
        for name, value in {"coursevm_cohort": cohort, **variables}.items():
            self.inventory.set_variable(group, name, wrap_var(value))
        return group

    def _add_host(self, group: str, student: dict[str, str], instance: dict[str, t.Any] | None) -> None:
        variables = {"coursevm_student": student}
        if instance:
            variables["coursevm_instance"] = instance
            if instance["floating_ip"]:
                variables["ansible_host"] = instance["floating_ip"]
        host = self.inventory.add_host(student["id"], group)
        variables = wrap_var(variables)
        for name, value in variables.items():
            self.inventory.set_variable(host, name, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)


def select(students: list[dict[str, str]], expression: str | None) -> list[dict[str, str]]:
    """The students that a JMESPath expression picks, in the order of the roster. Raises AnsibleParserError."""
    if expression is None:
        return students
    if jmespath is None:
        raise AnsibleParserError(missing_required_lib("jmespath", reason="for the option 'select'"))
    try:
        picked = jmespath.search(expression, students)
    except JMESPathError as error:
        raise AnsibleParserError(f"select: {error}") from None
    if not isinstance(picked, list) or any(student not in students for student in picked):
        raise AnsibleParserError(
            f"select: {expression!r} gives {picked!r}, which is no list of students: "
            "keep whole rows, as in \"[?group == 'A']\""
        )
    return [student for student in students if student in picked]


def join(
    students: list[dict[str, str]],
    servers: t.Iterable[t.Mapping[str, t.Any]],
    addresses: t.Mapping[str, str],
) -> tuple[dict[str, dict[str, t.Any]], list[dict[str, t.Any]]]:
    """Gives each student's instance by the student's id, and the strays.

    ``addresses``: floating IPs by the server's id, of servers that know of none themselves.
    Of several instances of one student the oldest that ever ran is the student's, the others are strays.
    """

    def rank(server: t.Mapping[str, t.Any]) -> tuple:
        # As sorted_servers of plan_instances.py chooses
        never_ran = not server.get("OS-SRV-USG:launched_at")
        return server.get("OS-EXT-STS:task_state") == "deleting", never_ran, server["created"], server["id"]

    ids = {student["id"] for student in students}
    instances: dict[str, dict[str, t.Any]] = {}
    strays = []
    for server in sorted(servers, key=rank):
        owner = ownership.owner_of_tags(server["tags"]).student
        if owner in ids and owner not in instances:
            instances[owner] = describe(server, addresses)
        else:
            strays.append({"student": owner, **describe(server, addresses)})
    return instances, strays


def describe(server: t.Mapping[str, t.Any], addresses: t.Mapping[str, str]) -> dict[str, t.Any]:
    """What a host needs to know of its instance."""
    return {
        **{key: server[key] for key in ("id", "name", "status")},
        "floating_ip": floating_ip(server) or addresses.get(server["id"]),
        "fixed_ips": addresses_of(server, "fixed"),
    }


def floating_ip(server: t.Mapping[str, t.Any]) -> str | None:
    """The floating IP that Nova knows of."""
    return next(iter(addresses_of(server, "floating")), None)


def addresses_of(server: t.Mapping[str, t.Any], kind: str) -> list[str]:
    """A server's addresses that are ``fixed`` or ``floating``."""
    listed = [address for network in server["addresses"].values() for address in network]
    return [address["addr"] for address in listed if address.get("OS-EXT-IPS:type") == kind]


def floating_ips(connection: t.Any) -> dict[str, str]:
    """The project's floating IPs by the id of the server that has them, as Neutron tells (one list request)."""
    listed = connection.list("network", "/floatingips", "floatingips", {"project_id": connection.project_id})
    return {one["port_details"]["device_id"]: one["floating_ip_address"] for one in listed if one.get("port_details")}
