# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be mended before a module can do its work, asked in the same call to the host.

A role that asks first and acts then goes to every host twice in every run. With this it goes once, and asks and acts
again only where something is missing.
"""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

# The documentation is in doc_fragments/unless.py
UNLESS = {"unless": {"type": "str"}}


def told(module: AnsibleModule) -> list[str]:
    """The lines that the command in ``unless`` prints: none when the work can go on. A command that fails ends all."""
    command = module.params["unless"]
    if not command:
        return []
    # The shell's variables are its own
    status, output, errors = module.run_command(["/bin/sh", "-c", command], expand_user_and_vars=False)
    if status:
        module.fail_json(msg=f"unless: the command exits with {status}: {(errors or output).strip()}. It is: {command}")
    return output.splitlines()
