"""What the module unit does with files and systemctl. Scenarios service_units and nginx_proxy ask a real systemd."""

from __future__ import annotations

import grp
import json
import os
import pwd
import time

import pytest
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.testing import patch_module_args

from ansible_collections.ouseful.coursevm.plugins.modules import unit
from ansible_collections.ouseful.coursevm.plugins.modules.unit import full_name, unit_actions

RUNS = {"ActiveState": "active", "UnitFileState": "enabled"}
WANTED = {"state": "started", "enabled": True, "on_change": "restart"}


@pytest.mark.parametrize(
    ("wanted", "seen", "changed", "stale", "actions"),
    [
        ({}, {}, False, False, []),
        ({}, {}, True, False, ["restart"]),
        ({}, {}, False, True, ["restart"]),
        ({"on_change": "reload"}, {}, True, True, ["reload"]),
        ({"on_change": "reload"}, {}, False, True, ["reload"]),
        ({"on_change": "reload"}, {}, False, False, []),
        ({"state": "restarted", "on_change": "reload"}, {}, True, False, ["restart"]),
        ({}, {"ActiveState": "inactive", "UnitFileState": "disabled"}, True, False, ["enable", "start"]),
        ({}, {"ActiveState": "failed"}, False, False, ["start"]),
        ({}, {"ActiveState": "activating"}, False, False, []),
        ({}, {"ActiveState": "inactive", "UnitFileState": ""}, True, False, ["enable", "start"]),
        ({"state": "stopped", "enabled": False}, {}, True, True, ["disable", "stop"]),
        (
            {"state": "stopped", "enabled": False},
            {"ActiveState": "failed", "UnitFileState": "disabled"},
            True,
            True,
            [],
        ),
        ({}, {"UnitFileState": "static"}, False, False, []),
        ({"enabled": False}, {"UnitFileState": "static"}, False, False, []),
        ({}, {"UnitFileState": "enabled-runtime"}, False, False, ["enable"]),
    ],
)
def test_what_systemctl_is_to_do(wanted, seen, changed, stale, actions):
    assert unit_actions({**WANTED, **wanted}, {**RUNS, **seen}, changed, stale) == actions


def test_a_name_without_a_type_is_a_service():
    names = ["nginx", "nginx.service", "apt-daily.timer", "getty@tty1", "a.b"]
    assert [full_name(name) for name in names] == [
        "nginx.service",
        "nginx.service",
        "apt-daily.timer",
        "getty@tty1.service",
        "a.b.service",
    ]


SECRET = """-----BEGIN PRIVATE KEY-----
it's "secret" \\ here
-----END PRIVATE KEY-----
"""


@pytest.fixture
def systemctl(monkeypatch):
    """What systemctl is given, instead of being run."""
    commands = []
    monkeypatch.setattr(unit.Unit, "_systemctl", lambda _, *command: commands.append(command))
    return commands


@pytest.fixture
def run(monkeypatch, capsys, tmp_path, systemctl):
    """Runs the module on nginx with these files, or on ``units``, which all run; its result and what it logs."""
    later = str(int((time.monotonic() + 60) * 1e6))  # than any file of the test
    systemd = {
        "LoadState": "loaded",
        "Type": "oneshot",  # of which nobody waits to see whether it stays
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "NeedDaemonReload": "no",
        "ActiveEnterTimestampMonotonic": later,
        "StateChangeTimestampMonotonic": later,
    }
    owner = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}
    monkeypatch.setattr(unit, "properties", lambda *_: systemd)
    logged = []
    monkeypatch.setattr(unit.Module, "_log_to_syslog", lambda _, message: logged.append(message))
    monkeypatch.setattr("ansible.module_utils.basic.has_journal", False)

    def run_module(*files, units=None, check=False, unless=None):
        told = units or [{"name": "nginx", "files": files}]
        owned = [{**one, "files": [{**owner, **file} for file in one["files"]]} for one in told]
        arguments = {**({"units": owned} if units else owned[0]), "unless": unless}
        internal = {"_ansible_remote_tmp": str(tmp_path / "scratch"), "_ansible_check_mode": check}
        if "inject_invocation" in PASS_VARS:
            # since ansible-core 2.21, the answer has what the module was called with only when asked, as by -vvv
            internal["_ansible_inject_invocation"] = True
        with (
            patch_module_args({**arguments, **internal}),
            pytest.raises(SystemExit),
        ):
            unit.main()
        return json.loads(capsys.readouterr().out), "".join(logged)

    return run_module


def test_nothing_is_done_before_all_is_there(run, systemctl, tmp_path):
    file = {"path": str(tmp_path / "conf"), "content": "new"}
    for check in (True, False):
        result, _ = run(file, check=check, unless="echo no nginx; echo no certificate")
        assert result["told"] == ["no nginx", "no certificate"]
        assert not result["changed"] and result["actions"] == [] and systemctl == []
        assert not (tmp_path / "conf").exists()
    result, _ = run(file, unless="test -e /")
    assert result["told"] == [] and result["changed"]
    assert (tmp_path / "conf").read_text() == "new"


def test_nothing_of_a_secret_of_several_lines_is_logged(run, tmp_path):
    result, logged = run({"path": str(tmp_path / "key"), "secret_content": SECRET, "mode": "0600"})
    assert result["actions"] == [f"write {tmp_path}/key"]
    assert (tmp_path / "key").read_text() == SECRET
    assert logged == "Invoked for nginx"


def test_a_test_that_quotes_a_line_of_a_secret_shows_it_to_nobody(run, tmp_path):
    file = {"path": str(tmp_path / "key"), "secret_content": SECRET, "validate": "sh -c 'cat %s >&2; false'"}
    result, _ = run(file)
    assert result["failed"]
    assert f"{tmp_path}/key is refused" in result["msg"]
    assert "secret" not in result["msg"].replace("BEGIN PRIVATE", "").replace(f"{tmp_path}", "")


def test_files_are_tested_together_as_they_will_lie(run, tmp_path):
    conf = {
        "path": str(tmp_path / "etc/conf"),
        "content": "new",
        "validate": "sh -c 'cd $(dirname %s) && cat tls/key >&2 && false'",
    }
    result, _ = run(conf, {"path": str(tmp_path / "etc/tls/key"), "content": "the new key"})
    assert result["msg"].endswith("nothing was changed: the new key")
    assert not (tmp_path / "etc").exists()


FIRST = pytest.mark.parametrize(
    ("present", "wanted"), [("old", {"content": "new"}), (None, {"content": "new"}), ("old", {"state": "absent"})]
)


@FIRST
def test_when_one_file_cannot_be_written_none_is(run, tmp_path, present, wanted):
    first = tmp_path / "first"
    if present:
        first.write_text(present)
    (tmp_path / "no-directory").write_text("")
    files = [{"path": str(first), **wanted}, {"path": str(tmp_path / "no-directory/second"), "content": "new"}]
    result, _ = run(*files)
    assert result["msg"].startswith(f"files: {tmp_path}/no-directory/second can't be written and nothing was changed: ")
    assert (first.read_text() if first.exists() else None) == present
    assert not list(tmp_path.glob(".*"))


@FIRST
def test_when_one_file_cannot_be_renamed_none_is(run, tmp_path, monkeypatch, present, wanted):
    first, second = tmp_path / "first", tmp_path / "second"
    if present:
        first.write_text(present)
    replace = os.replace

    def refuse_the_second(old, new):
        if new == str(second):
            raise PermissionError(1, "Operation not permitted")
        replace(old, new)

    monkeypatch.setattr(os, "replace", refuse_the_second)
    result, _ = run({"path": str(first), **wanted}, {"path": str(second), "content": "new"})
    assert result["msg"] == f"files: {second} can't be written and nothing was changed: Operation not permitted"
    assert (first.read_text() if first.exists() else None) == present
    assert not list(tmp_path.glob(".*"))


def test_a_file_is_removed_and_its_content_shown_to_nobody(run, tmp_path, systemctl):
    gone, kept = tmp_path / "env", tmp_path / "unit"
    gone.write_text("PASSWORD=correct horse battery")
    validate = f"sh -c '! test -e $(dirname %s)/{gone.name}'"
    files = [{"path": str(gone), "state": "absent"}, {"path": str(kept), "content": "new", "validate": validate}]
    result, _ = run(*files)
    assert result["actions"] == [f"remove {gone}", f"write {kept}"]
    assert "horse" not in str(result)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["unit"]
    assert systemctl == [("restart", "nginx.service")]
    assert run(*files)[0]["actions"] == []


def test_every_missing_directory_is_made_for_all_to_pass(run, tmp_path):
    run({"path": str(tmp_path / "a/b/c/file"), "content": "new"})
    assert [(tmp_path / made).stat().st_mode & 0o777 for made in ("a", "a/b", "a/b/c")] == [0o755] * 3


def test_line_ends_of_another_system_are_kept_and_are_no_change(run, tmp_path):
    file = {"path": str(tmp_path / "pem"), "content": "one\r\ntwo\r\n"}
    assert run(file)[0]["changed"]
    assert (tmp_path / "pem").read_bytes() == b"one\r\ntwo\r\n"
    assert f"write {tmp_path}/pem" not in run(file)[0]["actions"]


def test_files_of_several_units_are_put_in_place_together_or_not_at_all(run, tmp_path):
    good = {"path": str(tmp_path / "good"), "content": "new", "validate": "true"}
    bad = {"path": str(tmp_path / "bad"), "content": "new", "validate": "false"}
    result, _ = run(units=[{"name": "one", "files": [good]}, {"name": "two", "files": [bad]}])
    assert result["msg"].startswith(f"files: {tmp_path}/bad is refused and nothing was changed")
    assert not (tmp_path / "good").exists()


def test_a_secret_of_one_of_several_units_is_neither_shown_nor_logged(run, tmp_path):
    file = {"path": str(tmp_path / "one"), "secret_content": "correct horse battery"}
    result, logged = run(units=[{"name": "one", "files": [file]}, {"name": "two", "files": []}])
    assert result["actions"] == [f"write {tmp_path}/one"]
    assert "secret_content" in str(result["invocation"])
    assert "horse" not in str(result) + logged


def test_of_several_units_those_are_restarted_whose_files_have_changed(run, tmp_path, systemctl):
    files = [{"path": str(tmp_path / name), "content": "first"} for name in ("one", "two")]
    units = [{"name": name, "files": [file]} for name, file in zip(("one", "two"), files, strict=True)]
    _, logged = run(units=units)
    assert systemctl == [("restart", "one.service"), ("restart", "two.service")]
    assert logged == "Invoked for one, two"
    systemctl.clear()
    files[1]["content"] = "second"
    result, _ = run(units=units)
    assert systemctl == [("restart", "two.service")]
    assert result["actions"] == [f"write {tmp_path}/two"]


@pytest.mark.parametrize(
    "case",  # which files are new, or newer than what the service has taken up; what is done about it
    [
        (set(), None),
        ({"conf"}, "reload"),
        ({"drop-in"}, "restart"),
        ({"conf", "drop-in"}, "restart"),
        ({"StateChangeTimestampMonotonic"}, "reload"),
        ({"ActiveEnterTimestampMonotonic"}, "restart"),
    ],
)
def test_what_systemd_itself_reads_takes_a_restart(run, tmp_path, monkeypatch, systemctl, case):
    newer, verb = case
    files = {name: tmp_path / f"{name}.conf" for name in ("conf", "drop-in")}
    monkeypatch.setattr(unit, "UNIT_DIRECTORIES", (str(files["drop-in"]),))
    for path in files.values():
        path.write_text("old")
    systemd = unit.properties()
    monkeypatch.setattr(unit, "properties", lambda *_: {**systemd, **dict.fromkeys(newer - files.keys(), "0")})
    wanted = [{"path": str(path), "content": "new" if name in newer else "old"} for name, path in files.items()]
    run(units=[{"name": "nginx", "on_change": "reload", "files": wanted}])
    assert [words for words in systemctl if words != ("daemon-reload",)] == ([(verb, "nginx.service")] if verb else [])


@pytest.fixture
def refuse(monkeypatch, systemctl):
    """Has systemctl refuse to ``verb`` a unit of that name while one of the paths holds "bad"."""

    def begin(*paths, verb="restart", name="nginx.service"):
        def answer(_, *command):
            systemctl.append(command)
            if command == (verb, name) and any(path.exists() and path.read_text() == "bad" for path in paths):
                raise unit.UnitError(f"'systemctl {verb} {name}' failed: it can't.", "Mend the reason.")

        monkeypatch.setattr(unit.Unit, "_systemctl", answer)

    return begin


BACK = [("daemon-reload",), ("reset-failed", "nginx.service"), ("restart", "nginx.service")]


@pytest.mark.parametrize("verb", ["restart", "reload"])
def test_a_service_that_cannot_run_with_new_files_runs_with_the_old_ones(run, tmp_path, systemctl, refuse, verb):
    conf, added, gone = tmp_path / "conf", tmp_path / "added", tmp_path / "gone"
    conf.write_text("old")
    conf.chmod(0o640)
    gone.write_text("secret")
    before = conf.stat()
    refuse(conf, verb=verb)
    files = [
        {"path": str(conf), "content": "bad"},
        {"path": str(added), "content": "new"},
        {"path": str(gone), "state": "absent"},
    ]
    result, _ = run(units=[{"name": "nginx", "on_change": verb, "files": files}])
    assert result["failed"]
    assert result["msg"] == (
        f"'systemctl {verb} nginx.service' failed: it can't. "
        "The old configuration is back, and it runs with that. Mend the reason."
    )
    assert systemctl == [(verb, "nginx.service"), *BACK]
    assert (conf.read_text(), gone.read_text(), added.exists()) == ("old", "secret", False)
    # so that the service is not older than its files
    assert (conf.stat().st_mode, conf.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert not list(tmp_path.glob(".*"))
    assert result["actions"][-3:] == [f"put back {path}" for path in (added, conf, gone)]


def test_a_service_that_does_not_run_with_the_old_files_either_is_told(run, tmp_path, refuse):
    conf = tmp_path / "conf"
    conf.write_text("bad")
    refuse(conf)
    # what it ran with is not what the file had
    result, _ = run({"path": str(conf), "content": "bad"}, {"path": str(tmp_path / "other"), "content": "new"})
    assert (
        "The old configuration is back, but with that, too: 'systemctl restart nginx.service' failed" in result["msg"]
    )
    assert conf.read_text() == "bad"
    assert not (tmp_path / "other").exists()


def test_an_old_file_that_cannot_be_put_back_is_told(run, tmp_path, monkeypatch, refuse):
    conf = tmp_path / "conf"
    conf.write_text("old")
    refuse(conf)
    replace = os.replace

    def refuse_the_old(old, new):
        if old.endswith(".old"):
            raise OSError(30, "Read-only file system")
        replace(old, new)

    monkeypatch.setattr(os, "replace", refuse_the_old)
    result, _ = run({"path": str(conf), "content": "bad"})
    assert "The old configuration can't be brought back: Read-only file system. Mend" in result["msg"]


def test_of_several_units_the_one_that_fails_goes_back_and_the_others_go_on(run, tmp_path, systemctl, refuse):
    paths = [tmp_path / name for name in ("nginx", "two")]
    for path in paths:
        path.write_text("old")
    refuse(paths[0])
    files = [{"path": str(path), "content": content} for path, content in zip(paths, ("bad", "new"), strict=True)]
    result, _ = run(units=[{"name": "nginx", "files": files[:1]}, {"name": "two", "files": files[1:]}])
    assert "The old configuration is back" in result["msg"]
    assert [path.read_text() for path in paths] == ["old", "new"]
    assert systemctl == [("restart", "nginx.service"), *BACK, ("restart", "two.service")]


def test_a_service_that_did_not_run_keeps_the_new_files(run, live, tmp_path, refuse, systemctl):
    conf = tmp_path / "conf"
    conf.write_text("old")
    live([0.0], restart_sec=0.0, now=1.0)
    refuse(conf, verb="start")
    result, _ = run({"path": str(conf), "content": "bad"})
    assert result["msg"] == "'systemctl start nginx.service' failed: it can't. Mend the reason."
    assert conf.read_text() == "bad"
    assert systemctl == [("start", "nginx.service")]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["conf"]


class Systemd:
    """A service that lives for ``lives`` seconds, one life after the other, and the clock that it lives by."""

    def __init__(self, lives, restart_sec=2.0, now=0.0, **told):
        self.lives, self.restart_sec, self.now, self.told = lives, restart_sec, now, told

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def properties(self, *_):
        seen = {
            "LoadState": "loaded",
            "Type": "exec",
            "UnitFileState": "enabled",
            "NeedDaemonReload": "no",
            "StateChangeTimestampMonotonic": "0",
            "Result": "exit-code",
            "ExecMainCode": "1",
            "ExecMainStatus": "3",
        }
        born = 0.0
        for restarts, life in enumerate(self.lives):
            seen.update(NRestarts=str(restarts), ActiveEnterTimestampMonotonic=str(int(born * 1e6)))
            if self.now < born + life:
                return {**seen, "ActiveState": "active", "SubState": "running", **self.told}
            born += life + self.restart_sec
            if self.now < born:
                return {**seen, "ActiveState": "activating", "SubState": "auto-restart", **self.told}
        return {**seen, "ActiveState": "failed", "SubState": "failed", **self.told}


LONG = 1e6
LOOP = [0.0] * 1000


@pytest.fixture
def live(monkeypatch):
    """Has the module find such a service, instead of asking the real systemd and waiting."""

    def begin(*arguments, **options):
        systemd = Systemd(*arguments, **options)
        monkeypatch.setattr(unit, "properties", systemd.properties)
        monkeypatch.setattr(unit, "time", systemd)
        monkeypatch.setattr(unit.Module, "run_command", lambda _, command: (0, f"what {command[0]} has\n", ""))
        return systemd

    return begin


@pytest.mark.parametrize(
    ("lives", "told", "waited"),
    [
        ([LONG], {}, 5.0),  # it has just been started
        ([LONG], {"now": 3600.0}, 0.0),
        ([60.0] * 9 + [LONG], {"now": 3600.0}, 0.0),  # restarted, and long ago
        ([0.0, LONG], {}, 7.0),  # it lacked something at its first start
        ([1.0, LONG], {}, 8.0),  # and is seen before it ends
        (LOOP, {"Type": "oneshot"}, 0.0),
        (LOOP, {"ConditionResult": "no", "ActiveState": "inactive"}, 0.0),
        ([LONG], {"ActiveState": "activating", "SubState": "start"}, 30.0),  # it takes its time
    ],
)
def test_a_service_that_stays_up_is_no_alarm(run, live, lives, told, waited):
    systemd = live(lives, **told)
    assert "failed" not in run()[0]
    assert systemd.now - told.get("now", 0.0) == pytest.approx(waited, abs=0.3)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("service", "restarts"),
    [
        ({"lives": LOOP}, 1),
        ({"lives": LOOP, "now": 101.0}, 51),
        ({"lives": [1.0] * 1000, "restart_sec": 0.1, "now": 100.5}, 92),  # seen while it runs
        ({"lives": [0.0, LONG], "restart_sec": 3600.0}, 0),  # nor will it be for long
    ],
)
def test_a_service_that_does_not_stay_up_fails_the_task(run, live, service, restarts, check):
    live(**service)
    result, _ = run(check=check)
    assert result["failed"]
    assert "nginx.service doesn't stay up: it ended with status 3 (" in result["msg"]
    assert f"; restarts: {restarts})." in result["msg"]
    assert result["msg"].endswith("\nwhat journalctl has")


def test_what_a_start_comes_to_is_seen_by_the_run_that_makes_it(run, live, systemctl):
    live([0.0], restart_sec=0.0, now=1.0)  # it has failed, and nobody restarts it
    assert "failed" not in run(check=True)[0]
    assert "nginx.service doesn't stay up" in run()[0]["msg"]
    assert systemctl == [("start", "nginx.service")] * 2


def test_a_service_that_does_not_stay_up_with_new_files_runs_with_the_old_ones(
    run, live, systemctl, monkeypatch, tmp_path
):
    conf = tmp_path / "env"
    conf.write_text("PASSWORD=the old one")
    systemd = live([LONG])

    def restart(_, *command):
        systemctl.append(command)
        if command[0] == "restart":
            systemd.lives, systemd.now = ([LONG] if "old" in conf.read_text() else LOOP), 0.0

    monkeypatch.setattr(unit.Unit, "_systemctl", restart)
    result, logged = run({"path": str(conf), "secret_content": "PASSWORD=correct horse battery"})
    assert result["msg"] == (
        "name: nginx.service doesn't stay up: it ended with status 3 (result: exit-code; restarts: 1). The old "
        "configuration is back, and it runs with that. Mend the reason and run this again; 'journalctl --unit "
        "nginx.service' on the host says more."
    )
    assert conf.read_text() == "PASSWORD=the old one"
    assert systemctl == [("restart", "nginx.service"), *BACK]
    assert systemd.now == pytest.approx(5.0, abs=0.3)  # the old one, too, has to stay up
    assert "the old one" not in str(result) + logged
    assert "horse" not in str(result) + logged


def test_check_mode_puts_nothing_back(run, live, tmp_path, systemctl):
    (tmp_path / "conf").write_text("old")
    live(LOOP, now=101.0)
    run({"path": str(tmp_path / "conf"), "content": "new"}, check=True)
    assert (tmp_path / "conf").read_text() == "old"
    assert ("daemon-reload",) not in systemctl


def test_a_service_that_has_secrets_shows_no_journal(run, live, tmp_path):
    live(LOOP)
    result, _ = run({"path": str(tmp_path / "env"), "secret_content": "PASSWORD=correct horse battery"})
    assert result["msg"].endswith("run this again; 'journalctl --unit nginx.service' on the host says more.")


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("directories", "said"),
    [
        (
            [{"path": "/tmp/a"}],
            "/tmp/a is refused and nothing was changed: /tmp is not root's alone (owner root, group root",
        ),
        (
            [{"path": "/srv/a/b"}, {"path": "/srv/a/", "owner": "ada"}],
            "/srv/a is not root's alone (owner ada, group root",
        ),
        ([{"path": "/srv/a/b"}, {"path": "/srv/a", "group": "users", "mode": "0770"}], "group users, mode 0770)"),
        ([{"path": "/srv/a", "mode": "457z"}], "/srv/a has the mode 457z"),
    ],
)
def test_a_directory_that_a_link_could_stand_for_is_refused_before_anything_changes(
    run, tmp_path, directories, said, check
):
    file = {"path": str(tmp_path / "one"), "content": "new"}
    told = [{"name": "one", "files": [file]}, {"name": "two", "files": [], "directories": directories}]
    assert said in run(units=told, check=check)[0]["msg"]
    assert not (tmp_path / "one").exists()


def test_a_directory_that_is_roots_is_taken(run):
    assert (
        "failed"
        not in run(units=[{"name": "one", "files": [], "directories": [{"path": "/srv/a", "owner": "ada"}]}])[0]
    )


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ([{"name": "one", "files": [{"path": "/a", "content": "a"}] * 2}], "files: /a is there twice"),
        ([{"files": []}], "missing required arguments: name found in units"),
        ([{"name": "one", "files": [{"path": "/a"}]}], "content, secret_content"),
    ],
)
def test_what_is_refused_is_named(run, units, said):
    assert said in run(units=units)[0]["msg"]
