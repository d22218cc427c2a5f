# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module with secrets inside lists or dicts, which Ansible's own way to log arguments would let out."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule


class QuietModule(AnsibleModule):
    """Logs no arguments.

    Ansible logs a list as Python writes it. In that a secret with a line break, a backslash or quotes looks another
    than it is, so that Ansible doesn't find it and leaves it in.
    """

    @property
    def subjects(self) -> list[str]:
        """The names that the log gets instead; none of them is a secret."""
        return []

    def log(self, msg: str, log_args: dict[str, Any] | None = None) -> None:
        """Log a message; one that comes with the arguments is replaced."""
        if log_args is not None:
            msg = f"Invoked for {', '.join(self.subjects)}" if self.subjects else "Invoked"
        super().log(msg)
