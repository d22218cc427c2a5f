# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the action plugins of modules with a progress file share: they show its lines while the module works.

That is possible where the module runs on the control machine. Elsewhere the module simply runs.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

SECONDS_BETWEEN_LOOKS = 0.5


class ShowsProgress(ActionBase):
    """Runs the module whose name is MODULE."""

    MODULE: str

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module with a progress file of its own, unless the task names one."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        is_local = self._connection.transport == "local"
        if not is_local or arguments.get("progress_file") or self._task.async_val:
            return self._module(arguments, task_vars)
        # A worker that is interrupted is gone at once; what is in Ansible's own directory, Ansible removes even so
        with tempfile.TemporaryDirectory(prefix="coursevm-", dir=constants.DEFAULT_LOCAL_TMP) as directory:
            path = os.path.join(directory, "progress")
            finished = threading.Event()
            reader = threading.Thread(target=_show, args=(path, finished))
            reader.start()
            try:
                return self._module({**arguments, "progress_file": path}, task_vars)
            finally:
                finished.set()
                reader.join()

    def _module(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        return self._execute_module(
            module_name=self.MODULE,
            module_args=arguments,
            task_vars=task_vars,
            wrap_async=self._task.async_val,
        )


def _show(path: str, finished: threading.Event) -> None:
    """Print the file's lines as they come, until the module has finished and all are printed."""
    # The main thread alone handles signals, and one that is delivered here would not wake it: Ctrl-C would end nothing
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    display = Display()
    shown = 0
    while True:
        last_look = finished.wait(SECONDS_BETWEEN_LOOKS)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                lines = file.readlines()
            complete = [line for line in lines if line.endswith("\n")]
            for line in complete[shown:]:
                display.display(f"  {line.rstrip()}")
            shown = len(complete)
        if last_look:
            return
