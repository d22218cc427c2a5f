# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes what is missing of a cohort's passwords and keys; documented in the module of the same name."""

from __future__ import annotations

import os
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase

from ansible_collections.ouseful.coursevm.plugins.module_utils import roster
from ansible_collections.ouseful.coursevm.plugins.plugin_utils import credentials
from ansible_collections.ouseful.coursevm.plugins.plugin_utils.credentials import CredentialsError, PlainKey, Vault

ARGUMENT_SPEC = {
    "path": {"type": "path", "required": True},
    "cohort": {"type": "str", "required": True},
    "students": {"type": "list", "elements": "str", "required": True},
}


class ActionModule(ActionBase):
    """Runs on the control machine, whatever host the task is for."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)[1]
        if credentials.IMPORT_ERROR:
            library = {"passlib": "libpass"}.get(credentials.IMPORT_ERROR.name, "cryptography")
            raise AnsibleActionFail(missing_required_lib(library, reason="to make passwords and keys"))
        try:
            result.update(self._ensure(**arguments))
        except CredentialsError as error:
            raise AnsibleActionFail(str(error)) from None
        return result

    def _ensure(self, path: str, cohort: str, students: list[str]) -> dict[str, t.Any]:
        path = self._loader.path_dwim(path)
        wrong = [f"{name!r} {', '.join(problem)}" for name in students if (problem := roster.id_problem(name))]
        if wrong:
            raise CredentialsError(f"students: {'; '.join(wrong)}")
        # Ansible offers no public way to the vault secrets that it was given.
        vault_id = C.config.get_config_value("DEFAULT_VAULT_ENCRYPT_IDENTITY")
        vault = Vault(self._loader._vault.secrets, vault_id)
        store = credentials.Store(path, check_mode=self._task.check_mode)
        with store.opened():
            vault.check([file for student in students if (file := store.path / f"{student}.yml").exists()])
            store.ensure_own_mode()
            comment = f"operator@{cohort}"
            operator = store.ensure("operator", comment, PlainKey(comment))
            public_keys = {student: store.ensure(student, f"{student}@{cohort}", vault) for student in students}
        written = "".join(f"{name}\n" for name in store.written)
        closed = "".join(f"{name}: mode set, closed to others\n" for name in store.modes_set)
        return {
            "changed": bool(store.written or store.modes_set),
            "created": store.created,
            "public_keys": public_keys,
            "operator_public_key": operator,
            "operator_private_key_file": os.path.join(path, "operator"),
            "diff": [
                {"before_header": path, "after_header": path, "before": "", "after": written},
                {"prepared": closed},
            ],
        }
