"""What the action makes of a change, by how its commands reach the host.

Scenario student_access has a real SSH service and a real systemd.
"""

from __future__ import annotations

import itertools
import pathlib
import types

import pytest
from ansible.errors import AnsibleConnectionFailure
from unconfirmed import Host

from ansible_collections.ouseful.coursevm.plugins.action import commit_confirmed

# What becomes of a command
THROUGH, UNREACHABLE, ANSWER_LOST = "through", "timed out", "connection reset"
OLD_KEY, NEW_KEY = "ssh-ed25519 AAAAold", "ssh-ed25519 AAAAnew"


class Connection:
    """An SSH connection's options."""

    transport = "ssh"
    _shell = types.SimpleNamespace(tmpdir="/nowhere")

    def __init__(self, known_hosts: pathlib.Path) -> None:
        arguments = f"-F none -o UserKnownHostsFile={known_hosts}"
        self.options = {"ssh_executable": "ssh", "ssh_args": arguments, "host": "192.0.2.1", "remote_user": "ops"}

    def get_option(self, name: str) -> str | None:
        return self.options.get(name)

    def set_option(self, name: str, value: str) -> None:
        self.options[name] = value


class Action(commit_confirmed.ActionModule):
    """The action on a host that the module has just changed. Its commands fare as a test says; the last fate stays."""

    def __init__(self, host: Host, known_hosts: pathlib.Path, fates: list[str]) -> None:
        task = types.SimpleNamespace(args={"timeout": 20}, async_val=0, check_mode=False)
        super().__init__(task, Connection(known_hosts), None, None, None, None)
        self.host, self.fates = host, itertools.chain(fates, itertools.repeat(fates[-1]))
        self.connections: list[str] = []

    def _execute_module(self, **_):
        to_confirm = {"token": "token", "before": [OLD_KEY], "after": [NEW_KEY]}
        return {"changed": True, "actions": ["write a"], "diff": [{}], "to_confirm": to_confirm}

    def _low_level_execute_command(self, cmd, **_):
        self.connections.append("new" if "ControlPath=none" in self._connection.options["ssh_args"] else "old")
        fate = next(self.fates)
        if fate == UNREACHABLE:
            raise AnsibleConnectionFailure(fate)
        done = self.host.run("/bin/sh", "-c", cmd)
        if fate == ANSWER_LOST:
            raise AnsibleConnectionFailure(fate)
        return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


@pytest.fixture
def confirm(tmp_path, monkeypatch):
    """A function that changes a file of a host, and gives what the action returns and what it leaves."""
    clock = itertools.count()
    monkeypatch.setattr(commit_confirmed, "time", types.SimpleNamespace(monotonic=clock.__next__, sleep=lambda _: None))
    host, known_hosts = Host(tmp_path), tmp_path / "known_hosts"
    monkeypatch.setattr(commit_confirmed, "DIRECTORY", str(host.commit))

    def run(*fates: str, too_slow: bool = False):
        known_hosts.write_text(f"192.0.2.1 {OLD_KEY}\n")
        host.write({"a": b"old"})
        host.arm(["a"], [])
        host.write({"a": b"new"})
        if too_slow:
            host.guard("take-back")
        action = Action(host, known_hosts, list(fates))
        returned = action.run(task_vars={})
        keys = [line.removeprefix("192.0.2.1 ") for line in known_hosts.read_text().splitlines()]
        return types.SimpleNamespace(
            returned=returned, file=host.read(["a"])["a"], keys=keys, connections=action.connections, host=host
        )

    return run


@pytest.mark.parametrize(
    ("fates", "connections"),
    [
        ([THROUGH], ["new"]),
        ([ANSWER_LOST, THROUGH], ["new"] * 2),
        ([UNREACHABLE, ANSWER_LOST, UNREACHABLE, THROUGH], ["new"] * 3 + ["old", "new"]),
        ([ANSWER_LOST, *[UNREACHABLE] * 4, THROUGH], ["new"] * 3 + ["old"] + ["new"] * 2),
    ],
    ids=["answered", "answered-again", "asked-later", "asked-much-later"],
)
def test_a_change_that_the_host_has_confirmed_stays(confirm, fates, connections):
    done = confirm(*fates)
    assert not done.returned.get("failed")
    assert done.returned["changed"] and done.returned["actions"] == ["write a", "confirmed over a new connection"]
    assert done.returned["diff"] == [{}]
    assert (done.file, done.keys) == (b"new", [NEW_KEY])
    assert done.connections == connections
    assert done.host.is_disarmed()


@pytest.mark.parametrize("then", [[THROUGH], [ANSWER_LOST, UNREACHABLE, THROUGH]])
def test_a_change_without_a_way_in_is_taken_back_over_the_old_connection(confirm, then):
    done = confirm(*[UNREACHABLE] * 3, *then)
    assert done.returned["failed"] and not done.returned["changed"] and "diff" not in done.returned
    assert "no way in for the operator: write a." in done.returned["msg"]
    assert "A new connection as ops said: timed out." in done.returned["msg"]
    assert done.returned["msg"].endswith("nothing was changed.")
    assert (done.file, done.keys) == (b"old", [OLD_KEY])
    assert done.connections[:4] == ["new"] * 3 + ["old"]


def test_a_host_that_took_it_back_before_says_so(confirm):
    done = confirm(THROUGH, too_slow=True)
    assert done.returned["failed"] and not done.returned["changed"]
    assert done.returned["msg"].endswith("nothing was changed.")
    assert (done.file, done.keys) == (b"old", [OLD_KEY])


@pytest.mark.parametrize("fates", [[ANSWER_LOST, UNREACHABLE], [UNREACHABLE]])
def test_what_is_not_known_is_not_claimed(confirm, fates):
    done = confirm(*fates)
    assert done.returned["failed"] and done.returned["changed"]
    assert "nothing was changed" not in done.returned["msg"]
    assert "unless it got the confirmation" in done.returned["msg"]
    assert done.keys == [OLD_KEY, NEW_KEY]
