# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deliver a course's files into a student's directory: the part that runs on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: course_notebooks
short_description: Deliver a course's notebooks without touching a student's work
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Delivers the files of a git repository or an archive, which the control machine reads, into a student's directory.
  - What was delivered is remembered. A file that the student has not changed since is updated; one that was changed is
    kept, and the new version is laid beside it, as C(name.from-course-1a2b3c4d.ipynb); one that was deleted stays
    deleted.
  - A file that is saved in the moment of its delivery is kept, and the task fails; where it is saved twice, the earlier
    save is laid beside it, as C(name.saved-1a2b3c4d.ipynb).
  - On the host all is done with the student's rights, without following links. Only files that are needed are copied.
  - Links, submodules and devices are not delivered, but named. Names that lead out of the directory are refused, as are
    those that are not UTF-8, hold control characters, or are those of git's own directory.
requirements:
  - git on the control machine, for repositories
options:
  repository:
    description:
      - Git repository that the control machine can read, an address (C(https://), C(ssh://), C(file://)) or a path.
      - Its C(.gitattributes) can leave files out with C(export-ignore).
      - Either this or O(archive) is required.
    type: str
  ref:
    description: Commit, tag or branch to deliver; required with O(repository).
    type: str
  archive:
    description: Archive on the control machine, C(.zip) or C(.tar), also compressed.
    type: path
  subdirectory:
    description: Directory in the repository or archive that is delivered; empty for all of it.
    type: str
    default: ""
  dest:
    description: The student's directory, an absolute path. It is made when it is missing.
    type: str
    required: true
  owner:
    description: The student's account, to whom all belongs.
    type: str
    required: true
  keep_both:
    description: Lay a new version beside a file that the student has changed. Without, it is not delivered.
    type: bool
    default: true
  remove:
    description: Remove files that the course no longer has, where the student has not changed them.
    type: bool
    default: false
  max_size:
    description: Bytes that all files together may have.
    type: int
    default: 1073741824
  cache:
    description: Directory on the control machine where repositories are kept.
    type: path
    default: ~/.cache/coursevm/notebooks
  files:
    description: Set by the action plugin, what is to be delivered.
    type: dict
  blobs:
    description: Set by the action plugin, a tar file on the host with the contents that are needed.
    type: path
  digest:
    description: Set by the action plugin, of all that is to be delivered and how.
    type: str
attributes:
  check_mode:
    description: Predicts what would be done.
    support: full
  diff_mode:
    description: Names the files, and says what is done with each.
    support: full
"""

EXAMPLES = r"""
- name: Deliver the notebooks of the course
  ouseful.coursevm.course_notebooks:
    repository: https://forge.example.org/course/notebooks.git
    ref: v2026.1
    dest: /home/oustudent/notebooks
    owner: oustudent
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: [add week1/intro.ipynb]
kept:
  description: Files of the student's that the course has a new version of.
  returned: always
  type: list
  elements: str
ref:
  description: The commit that was delivered.
  returned: with a repository
  type: str
"""

import hashlib
import json
import os
import pwd
import tarfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils.as_account import AccountError, run_as
from ansible_collections.ouseful.coursevm.plugins.module_utils.changes import write
from ansible_collections.ouseful.coursevm.plugins.module_utils.notebook_tree import StudentsOwn, Tree
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_notebooks import Action, plan

ARGUMENTS = {
    "repository": {"type": "str"},
    "ref": {"type": "str"},
    "archive": {"type": "path"},
    "subdirectory": {"type": "str", "default": ""},
    "dest": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "keep_both": {"type": "bool", "default": True},
    "remove": {"type": "bool", "default": False},
    "max_size": {"type": "int", "default": 1 << 30},
    "cache": {"type": "path", "default": "~/.cache/coursevm/notebooks"},
    "files": {"type": "dict"},
    "blobs": {"type": "path"},
    "digest": {"type": "str"},
}
STATE = "/var/lib/coursevm/notebooks"
WORDS = {
    "add": "add {path}",
    "update": "update {path}",
    "beside": "keep the student's {path}, lay the new version beside it as {target}",
    "kept": "keep the student's {path}, leave the new version out",
    "remove": "remove {path}",
    "blocked": "leave {path} out: the student has something else where its directory would be",
}
WRITES = ("add", "update", "beside")
CHANGES = (*WRITES, "remove")


def words(action: Action) -> str:
    """What an action does."""
    return WORDS[action.kind].format(path=action.path, target=action.target)


def remembered(state_file: str) -> dict[str, str]:
    """What was delivered before: path and version."""
    try:
        with open(state_file, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


class Delivery:
    """The delivery to one directory. What begins with ``student`` runs in a process that has the student's rights."""

    def __init__(self, parameters: dict[str, Any], account: pwd.struct_passwd, blobs: tarfile.TarFile | None) -> None:
        self.parameters = parameters
        self.account = account
        self.blobs = blobs
        self.upstream = {path: version for path, (version, _executable) in parameters["files"].items()}
        self.name = hashlib.sha256(f"{parameters['owner']}\0{parameters['dest']}".encode()).hexdigest()[:16]
        self.delivered = remembered(f"{STATE}/{self.name}.json")

    def student_plans(self) -> dict[str, Any]:
        """The actions, and what is delivered once they are done."""
        present: dict[str, str] = {}
        if os.path.isdir(self.parameters["dest"]):
            present = Tree(self.parameters["dest"], self.parameters["max_size"]).present(
                {*self.upstream, *self.delivered}
            )
        made = plan(self.upstream, self.delivered, present, self.parameters["keep_both"], self.parameters["remove"])
        return {"actions": [vars(action) for action in made.actions], "delivered": made.delivered}

    def _tree(self) -> Tree:
        return Tree(self.parameters["dest"], self.parameters["max_size"])

    def student_carries_out(self, actions: list[Action]) -> dict[str, str]:
        """Do it; what could not be done, by path and reason."""
        os.makedirs(self.parameters["dest"], 0o755, exist_ok=True)
        tree = self._tree()
        problems = {}
        for action in actions:
            if action.kind not in CHANGES:
                continue
            executable = action.kind != "remove" and self.parameters["files"][action.path][1]
            try:
                tree.carry_out(action, executable, lambda version=action.version: self.blobs.extractfile(version))
            except StudentsOwn:
                problems[action.path] = "the student has just changed it"
            except OSError as error:
                problems[action.path] = error.strerror or str(error)
        return problems

    def remember(self, delivered: dict[str, str], problems: dict[str, str], complete: bool) -> None:
        """Write down what the student has been given; by whom the digest is found, nothing need be looked at."""
        for path in problems:
            if path in self.delivered:
                delivered[path] = self.delivered[path]
            else:
                delivered.pop(path, None)
        os.makedirs(STATE, 0o755, exist_ok=True)
        if delivered != self.delivered:
            write(f"{STATE}/{self.name}.json", json.dumps(delivered, sort_keys=True))
        if complete:
            write(f"{STATE}/{self.name}.digest", self.parameters["digest"])


def account_of(module: AnsibleModule) -> pwd.struct_passwd | None:
    """The student's account; in check mode it may not be there yet."""
    try:
        account = pwd.getpwnam(module.params["owner"])
    except KeyError:
        if module.check_mode:
            return None
        module.fail_json(msg=f"owner: there is no account {module.params['owner']}. The role student_access makes it.")
    if os.geteuid() not in (0, account.pw_uid):
        module.fail_json(msg=f"owner: only root or {account.pw_name} can deliver to {account.pw_name}. Set become.")
    return account


def main() -> None:
    """Plan; and unless contents are missing, which are told, do it."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    account = account_of(module)
    handed_in = module.params["blobs"]
    blobs = tarfile.open(handed_in) if handed_in else None  # noqa: SIM115 (it stays open as long as the module)
    delivery = Delivery(module.params, account or pwd.getpwuid(os.geteuid()), blobs)
    problems: dict[str, str] = {}
    try:
        planned = run_as(delivery.account, delivery.student_plans)
        actions = [Action(**action) for action in planned["actions"]]
        there = set(blobs.getnames()) if blobs else set()
        missing = sorted({action.version for action in actions if action.kind in WRITES} - there)
        if not module.check_mode and not missing:
            problems = run_as(delivery.account, lambda: delivery.student_carries_out(actions))
            complete = not problems and not any(action.kind == "blocked" for action in actions)
            delivery.remember(planned["delivered"], problems, complete)
    except AccountError as error:
        module.fail_json(msg=f"dest: {module.params['dest']} cannot be used as {module.params['owner']}: {error}")
    done = [action for action in actions if action.path not in problems]
    result = {
        "changed": any(action.kind in CHANGES for action in done),
        "actions": [words(action) for action in done],
        "kept": [action.path for action in done if action.kind in ("beside", "kept")],
        "diff": [{"prepared": "".join(f"~ {words(action)}\n" for action in done)}],
    }
    if missing and not module.check_mode:
        result["missing"] = missing
    if problems:
        told = "; ".join(f"{path}: {reason}" for path, reason in sorted(problems.items()))
        module.fail_json(msg=f"Not delivered, and to be tried again by the next run: {told}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
