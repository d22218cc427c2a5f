# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action plugin serve_egress: runs the module and shows who asks for what while it works."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.plugin_utils.progress import ShowsProgress


class ActionModule(ShowsProgress):
    """Runs ouseful.coursevm.serve_egress."""

    MODULE = "ouseful.coursevm.serve_egress"

    def _module(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        # This runs in a worker, which outlives an Ansible that is killed
        return super()._module({"while_running": os.getppid(), **arguments}, task_vars)
