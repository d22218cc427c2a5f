# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module tells while it works; the action plugin of the same name shows it."""

from __future__ import annotations

from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule


def teller(module: AnsibleModule) -> Callable[[str], None]:
    """A function that appends a line to the ``progress_file``; progress that can't be written stops nothing."""
    path = module.params["progress_file"]

    def tell(line: str) -> None:
        nonlocal path
        if path:
            try:
                with open(path, "a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
            except OSError as error:
                module.warn(f"progress_file: {error}")
                path = None

    return tell
