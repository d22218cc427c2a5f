"""The lines of a module's progress file, shown while it works."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from ansible_collections.ouseful.coursevm.plugins.plugin_utils import progress

# A process of its own, whose only other thread shows the progress. Prints whether that has left a signal to the main
# thread.
SIGNALLED = """
import importlib.util, os, signal, sys, threading, time

spec = importlib.util.spec_from_file_location("progress", sys.argv[1])
progress = importlib.util.module_from_spec(spec)
spec.loader.exec_module(progress)
waits = threading.Event()


class Finished(threading.Event):
    def wait(self, timeout=None):
        waits.set()
        return super().wait(timeout)


finished = Finished()
threading.Thread(target=progress._show, args=(os.devnull, finished)).start()
waits.wait()
number = signal.Signals[sys.argv[2]]
signal.signal(number, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, {number})
os.kill(os.getpid(), number)
time.sleep(0.1)
print(number in signal.sigpending())
finished.set()
"""


def test_each_complete_line_is_shown_once(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(progress.Display, "display", lambda _, text: shown.append(text))
    file = tmp_path / "progress"
    file.write_text("one\ntwo\nthr", encoding="utf-8")
    finished = threading.Event()
    finished.set()
    progress._show(str(file), finished)
    assert shown == ["  one", "  two"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_is_left_to_the_main_thread(name):
    command = [sys.executable, "-c", SIGNALLED, progress.__file__, name]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout == "True\n"
