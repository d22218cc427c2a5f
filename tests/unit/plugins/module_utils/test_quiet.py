"""What modules with secrets in their lists log. Scenarios postgresql and mongodb ask the host's journal."""

from __future__ import annotations

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.ouseful.coursevm.plugins.modules import mongodb_users, postgresql_databases, serve_egress

SECRET = 'it\'s "secret" \\ here'
# Each ends soon after it has logged: a password twice, a server that isn't asked, a check
CALLS = [
    (mongodb_users, {"users": [{"name": "ada", "password": SECRET, "database": "tm351"}] * 2}),
    (postgresql_databases, {"users": [{"name": "ada", "password": SECRET}]}),
    (
        serve_egress,
        {"port": 1, "minutes": 1, "clients": [{"login": "ada", "password": SECRET, "destinations": ["a:1"]}]},
    ),
]


@pytest.mark.parametrize(("module", "arguments"), CALLS)
def test_nothing_of_a_secret_that_python_writes_in_another_way_is_logged(monkeypatch, capsys, module, arguments):
    logged = []
    monkeypatch.setattr(AnsibleModule, "_log_to_syslog", lambda _, message: logged.append(message))
    monkeypatch.setattr(AnsibleModule, "run_command", lambda *_, **__: (1, "", "nobody is asked"))
    monkeypatch.setattr("ansible.module_utils.basic.has_journal", False)
    with patch_module_args({**arguments, "_ansible_check_mode": True}), pytest.raises(SystemExit):
        module.main()
    assert "secret" not in capsys.readouterr().out
    assert logged == ["Invoked"]
