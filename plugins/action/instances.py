# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action plugin instances: runs the module and shows its progress while it works."""

from __future__ import annotations

from ansible_collections.ouseful.coursevm.plugins.plugin_utils.progress import ShowsProgress


class ActionModule(ShowsProgress):
    """Runs ouseful.coursevm.instances."""

    MODULE = "ouseful.coursevm.instances"
