"""What the module mongodb_users plans. The scenario mongodb asks a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.modules.mongodb_users import Seen, faults, plan

KEYS = (("tm351", "ada"), ("tm351", "bob"), ("tm352", "ada"))
ROLES = st.lists(st.sampled_from(["read", "readWrite", "dbAdmin"]), unique=True)
USER = st.fixed_dictionaries({"password": st.sampled_from(["secret", "other"]), "roles": ROLES})
USERS = st.dictionaries(st.sampled_from(KEYS), USER).map(
    lambda users: [{"database": key[0], "name": key[1], **user} for key, user in users.items()]
)


def had(before, after):
    """What is seen of a server that has the users of before, by who declares those of after."""
    passwords = {(user["database"], user["name"]): user["password"] for user in after}
    return {
        (user["database"], user["name"]): Seen(
            frozenset((role, user["database"]) for role in user["roles"]),
            passwords.get((user["database"], user["name"])) == user["password"],
        )
        for user in before
    }


@given(USERS)
def test_what_was_made_so_needs_nothing(users):
    assert plan(users, had(users, users)) == []


@given(USERS, USERS)
def test_a_plan_leads_to_what_is_declared_and_touches_nobody_else(before, after):
    users = {(user["database"], user["name"]): dict(user) for user in before}
    for action in plan(after, had(before, after)):
        command = dict(action.command)
        name = command.pop("createUser", None) or command.pop("updateUser")
        user = users.setdefault((action.database, name), {"database": action.database, "name": name})
        if "pwd" in command:
            user["password"] = command["pwd"]
        if "roles" in command:
            user["roles"] = [role["role"] for role in command["roles"]]
    for user in after:
        made = users[user["database"], user["name"]]
        assert made["password"] == user["password"] and sorted(made["roles"]) == sorted(user["roles"])
    declared = {(user["database"], user["name"]) for user in after}
    for user in before:
        key = (user["database"], user["name"])
        assert key in declared or users[key] == user


@given(USERS, USERS)
def test_no_password_is_in_the_words(before, after):
    for action in plan(after, had(before, after)):
        assert "secret" not in action.words and "other" not in action.words


def test_a_role_on_another_database_is_taken_away():
    user = {"name": "ada", "database": "tm351", "password": "secret", "roles": ["readWrite"]}
    seen = Seen(frozenset({("readWrite", "tm351"), ("root", "admin")}), True)
    (action,) = plan([user], {("tm351", "ada"): seen})
    assert action.words == "give user ada of tm351 the roles readWrite"


@pytest.mark.parametrize(
    ("users", "fault"),
    [
        ([("tm351", "ada", "x"), ("tm351", "ada", "y")], "ada of tm351 is there twice"),
        ([("tm351", "ada", "")], "ada needs a name, a password and a database that are not empty."),
        ([("", "ada", "x")], "ada needs a name"),
        ([("tm351", "", "x")], "a user needs a name"),
        ([("admin", "coursevm", "x")], "Choose another name"),
    ],
)
def test_faults_are_named_with_their_mend(users, fault):
    found = faults([{"database": database, "name": name, "password": password} for database, name, password in users])
    assert len(found) == 1 and fault in found[0]
