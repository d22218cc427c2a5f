"""The lines of a module's progress file, shown while it works, and what is left of it, with a real Ansible."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from ansible_collections.ouseful.coursevm.plugins.plugin_utils import progress

REPOSITORY = pathlib.Path(__file__).parents[4]
ACTION = """
from ansible_collections.ouseful.coursevm.plugins.plugin_utils.progress import ShowsProgress
class ActionModule(ShowsProgress):
    MODULE = "busy"
"""
# Outlives an Ansible that is interrupted, as any module does, but here not for long
MODULE = """
import os, time
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"progress_file": {"type": "path"}, "seconds": {"type": "int"}})
path, end = module.params["progress_file"], time.monotonic() + module.params["seconds"]
with open(path, "a") as file:
    file.write("at work\\n")
while os.path.exists(path) and time.monotonic() < end:
    time.sleep(0.1)
module.exit_json()
"""
PLAY = """
- hosts: localhost
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - busy: {seconds: "{{ seconds }}"}
"""

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


@pytest.fixture
def start(tmp_path):
    """Start ansible-playbook with a module that is busy for some seconds, as in a terminal of its own."""
    for name, content in {"action_plugins/busy.py": ACTION, "library/busy.py": MODULE, "play.yml": PLAY}.items():
        path = tmp_path / "play" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    (tmp_path / "tmp").mkdir()
    started = []

    def start(seconds: int) -> subprocess.Popen:
        command = [sys.executable, "-m", "ansible", "playbook", "--inventory", "localhost,", "--connection", "local"]
        process = subprocess.Popen(
            [*command, "--extra-vars", f"seconds={seconds}", str(tmp_path / "play" / "play.yml")],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def left(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    """The progress files, and directories for them, that are there."""
    return [path for place in ("local", "tmp") for path in (tmp_path / place).rglob("coursevm-*")]


def test_nothing_is_left_after_the_module(start, tmp_path):
    output, _ = start(seconds=0).communicate(timeout=60)
    assert "  at work\n" in output
    assert left(tmp_path) == []


def test_nothing_is_left_after_ctrl_c(start, tmp_path):
    process = start(seconds=20)
    assert "  at work\n" in iter(process.stdout.readline, "")
    assert left(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=20)
    assert left(tmp_path) == []


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
