# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write a Jupyter server's configuration and its password hash: the part that runs on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_password
short_description: Set the password of a Jupyter server
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Keeps the argon2 hash of a password in the server's JSON configuration file, as
    C(PasswordIdentityProvider.hashed_password), and nothing but the hash.
  - The password does not leave the control machine. There it is compared with the hash that is in the file,
    so that an unchanged password is no change.
  - A hash of another kind (sha1, sha256), a damaged one, or one that costs more than Jupyter's own is replaced.
extends_documentation_fragment: [ouseful.coursevm.unless]
requirements:
  - passlib or libpass, and argon2-cffi, on the control machine
options:
  path:
    description: The configuration file. It is made when it is missing, and so is its directory.
    type: path
    required: true
  password:
    description:
      - The password, in plain text. It must not be empty.
      - Either this or O(hashed_password) is required.
    type: str
  hashed_password:
    description: A hash that was made elsewhere, in Jupyter's own notation, C(argon2:$argon2id$...).
    type: str
  settings:
    description:
      - Everything else that the file holds, by class and trait. With it, a damaged file is replaced.
      - Without it, whatever else is in the file stays as it is.
    type: dict
  owner:
    description: Owner of the file.
    type: str
  group:
    description: Group of the file.
    type: str
  mode:
    description: Mode of the file.
    type: raw
    default: "0600"
attributes:
  check_mode:
    description: Predicts truthfully whether anything would change.
    support: full
  diff_mode:
    description: Shows the configuration without the hash.
    support: full
"""

EXAMPLES = r"""
- name: Set the student's password
  ouseful.coursevm.jupyter_password:
    path: /etc/coursevm/jupyter.json
    password: "{{ student_password }}"
    owner: oustudent
    group: users
"""

RETURN = r"""
password_changed:
  description: Whether the hash was, or would be, replaced. It ends all sessions at the server's next start.
  returned: success
  type: bool
told:
  description: What O(unless) has printed, line by line.
  returned: success
  type: list
  elements: str
  sample: []
"""

import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils.unless import UNLESS, told

SECTION = "PasswordIdentityProvider"
KEY = "hashed_password"


def read_settings(text: str) -> dict:
    """Return the settings in the text of a JSON configuration file; ValueError when it holds none, or damaged ones."""
    try:
        settings = json.loads(text) if text.strip() else {}
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(settings, dict):
        raise ValueError("it holds no JSON object")
    if not isinstance(settings.get(SECTION, {}), dict):
        raise ValueError(f"{SECTION} is no JSON object")
    if not isinstance(hash_in(settings), str):
        raise ValueError(f"{SECTION}.{KEY} is no text")
    return settings


def hash_in(settings: dict) -> str:
    """Return the hash in the settings, empty when there is none."""
    return settings.get(SECTION, {}).get(KEY, "")


def with_hash(settings: dict, hashed_password: str) -> dict:
    """Return the settings with the hash in its place."""
    return {**settings, SECTION: {**settings.get(SECTION, {}), KEY: hashed_password}}


def shown(settings: dict | None, changed: bool) -> str:
    """Return the settings as a diff may show them: without the hash, but telling whether it changes."""
    if settings is None:
        return ""
    if KEY in settings.get(SECTION, {}):
        settings = with_hash(settings, "(secret changed)" if changed else "(secret)")
    return to_text(settings)


def to_text(settings: dict) -> str:
    """Return the text of the configuration file."""
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Ensure the file: with the hash given, or with the one that is in it. Without any, only tell so."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "password": {"type": "str", "no_log": True},  # stays on the control machine, see the action plugin
            "hashed_password": {"type": "str", "no_log": True},
            "settings": {"type": "dict"},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "raw", "default": "0600"},
            **UNLESS,
        },
        supports_check_mode=True,
    )
    if missing := told(module):
        module.exit_json(changed=False, told=missing)
    path, settings = module.params["path"], module.params["settings"]
    try:
        with open(path, encoding="utf-8") as file:
            before = read_settings(file.read())
    except FileNotFoundError:
        before = None
    except (ValueError, OSError) as error:
        if settings is None or isinstance(error, OSError):
            module.fail_json(msg=f"path: {path} cannot be used: {error}. Mend or remove the file.")
        before = None  # all that was in it is given

    present = hash_in(before or {})
    wanted = module.params["hashed_password"] or present
    if not wanted:
        module.exit_json(changed=False, present="", told=[])

    after = with_hash((before or {}) if settings is None else settings, wanted)
    changed = before != after
    attributes = module.load_file_common_arguments(module.params, path=path)
    if changed and not module.check_mode:
        os.umask(0o022)  # whatever root's is: the server's account enters it
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.umask(0o077)  # nobody else may read it, not even until it has its mode
        handle, temporary = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(to_text(after))
        module.atomic_move(temporary, path)
    if os.path.exists(path):
        changed = module.set_fs_attributes_if_different(attributes, changed)
    secret_changed = wanted != present
    module.exit_json(
        changed=changed,
        present=present,
        told=[],
        diff={
            "before_header": path,
            "after_header": path,
            "before": shown(before, False),
            "after": shown(after, secret_changed),
        },
    )


if __name__ == "__main__":
    main()
