# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes a line for each task that Ansible forks a process for, to the file that ssh's stand-in writes to as well."""

from __future__ import annotations

import os
import time

from ansible import constants as C
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: tally
type: aggregate
short_description: For python -m bench.configure
description:
  - Appends C(task), the time in seconds and the task's role to the file E(COURSEVM_TALLY) when a task starts on a host,
    C(skipped) when it is skipped, and C(end) with the time after the play.
"""


class CallbackModule(CallbackBase):
    """Tells of starts and skips in the order in which they happen."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "tally"

    def v2_runner_on_start(self, host, task):
        """A process is forked for the task."""
        self._write("task", f"{time.monotonic():.4f}", task._role.get_name() if task._role else "")

    def v2_runner_on_skipped(self, result):
        """Its condition was false. For a meta task Ansible forks no process, nor does it tell of its start."""
        if result.task.action not in C._ACTION_META:
            self._write("skipped")

    def v2_playbook_on_stats(self, stats):
        """The run is over."""
        self._write("end", f"{time.monotonic():.4f}")

    @staticmethod
    def _write(*words: str) -> None:
        with open(os.environ["COURSEVM_TALLY"], "a", encoding="utf-8") as file:
            file.write("\t".join(words) + "\n")
