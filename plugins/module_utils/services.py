# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd knows of a unit of this host."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from ansible.module_utils.basic import AnsibleModule


def properties(module: AnsibleModule, unit: str, names: Iterable[str]) -> dict[str, str]:
    """Properties of a unit, by their names in ``systemctl show``."""
    _, shown, _ = module.run_command(["systemctl", "show", f"--property={','.join(names)}", unit], check_rc=True)
    return dict(line.split("=", 1) for line in shown.splitlines())


def is_newer(paths: Iterable[str], moment: str) -> bool:
    """Whether one of the files was changed after the moment, which is what systemd has as ``…TimestampMonotonic``."""
    newest = max((os.stat(path).st_mtime for path in paths if os.path.exists(path)), default=0)
    return newest > time.time() - time.monotonic() + int(moment or 0) / 1e6
