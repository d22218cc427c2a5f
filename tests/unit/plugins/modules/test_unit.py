"""What the module unit has systemctl do. The scenarios service_units and nginx_proxy ask a real systemd."""

from __future__ import annotations

import pytest

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
        ({"on_change": "reload"}, {}, False, True, []),
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
