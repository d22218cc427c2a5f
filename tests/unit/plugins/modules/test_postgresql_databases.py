"""What the module postgresql_databases plans, and its verifiers. The scenario postgresql asks a real server."""

from __future__ import annotations

import base64
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.utils import saslprep

from ansible_collections.ouseful.coursevm.plugins.modules import postgresql_databases as module

SALT = b"0123456789abcdef"
NAMES = ("ada", "bob")
PASSWORDS = st.sampled_from([None, "secret", "other"])
USERS = st.fixed_dictionaries({"password": PASSWORDS, "createdb": st.booleans()})
DATABASES = st.fixed_dictionaries(
    {"owner": st.sampled_from(NAMES), "locale": st.just("C.UTF-8"), "seed": st.sampled_from([None, "SELECT 1"])}
)
WANTED = st.fixed_dictionaries(
    {
        "users": st.tuples(*[USERS.map(lambda user, name=name: {"name": name, **user}) for name in NAMES]).map(list),
        "databases": st.one_of(st.just([]), DATABASES.map(lambda database: [{"name": "tm351", **database}])),
    }
)


def had(wanted):
    """The state of a server that was made so."""
    return {
        "users": {
            user["name"]: {
                "login": True,
                "createdb": user["createdb"],
                "verifier": module.verifier(user["password"], b"another salt", 4) if user["password"] else "",
            }
            for user in wanted["users"]
        },
        "databases": {
            database["name"]: {
                "owner": database["owner"],
                "open": False,
                "seeded": bool(database["seed"]),
                "marked": bool(database["seed"]),
            }
            for database in wanted["databases"]
        },
    }


def actions(wanted, observed):
    return module.plan(wanted, observed, [SALT] * len(wanted["users"]))


EMPTY = {"users": {}, "databases": {}}


@given(WANTED)
@settings(deadline=None)
def test_what_was_made_so_needs_nothing(wanted):
    assert actions(wanted, had(wanted)) == []


@given(WANTED, WANTED)
@settings(deadline=None)
def test_a_plan_names_what_differs_and_nothing_else(before, after):
    words = [action.words for action in actions(after, had(before))]
    for old, new in zip(before["users"], after["users"], strict=True):
        name = new["name"]
        changed = old["password"] != new["password"]
        assert (f"set the password of user {name}" in words) == bool(changed and new["password"])
        assert (f"remove the password of user {name}" in words) == bool(changed and not new["password"])
        assert any(f"user {name} make databases" in said for said in words) == (old["createdb"] != new["createdb"])
    if not before["databases"] and after["databases"]:
        assert f"make database tm351, owned by {after['databases'][0]['owner']}" in words
    if before["databases"] and after["databases"]:
        assert not any("close" in said for said in words)
        assert any("give database" in said for said in words) == (
            before["databases"][0]["owner"] != after["databases"][0]["owner"]
        )
    assert not any("DROP" in action.sql for action in actions(after, had(before)))


@given(WANTED)
@settings(deadline=None)
def test_no_password_is_in_words_or_sql(wanted):
    for action in actions(wanted, EMPTY):
        assert "secret" not in action.words + action.sql and "other" not in action.words + action.sql


def test_a_seed_runs_once():
    database = {"name": "tm351", "owner": "ada", "locale": "C.UTF-8", "seed": "SELECT 1 -- one"}
    seen = {"owner": "ada", "open": False, "seeded": False, "marked": False}
    seed, mark = module.plan_database(database, seen)
    assert (seed.words, seed.database, seed.user) == ("seed database tm351", "tm351", "ada")
    assert (mark.words, mark.user) == ("mark database tm351 as seeded", "postgres")
    assert module.plan_database(database, {**seen, "seeded": True}) == [mark]
    assert module.plan_database({**database, "seed": "SELECT 2"}, {**seen, "marked": True}) == []


def test_an_open_database_is_closed_and_a_role_let_in():
    database = {"name": "tm351", "owner": "ada", "locale": "C.UTF-8", "seed": None}
    (close,) = module.plan_database(database, {"owner": "ada", "open": True, "seeded": False, "marked": False})
    assert close.sql == 'REVOKE ALL ON DATABASE "tm351" FROM PUBLIC;'
    (let,) = module.plan_user(
        {"name": "ada", "password": None, "createdb": False}, {"login": False, "createdb": False, "verifier": ""}, SALT
    )
    assert let.sql == 'ALTER ROLE "ada" LOGIN;'


def test_names_and_texts_are_quoted():
    assert module.identifier('a"; DROP ROLE x; --') == '"a""; DROP ROLE x; --"'
    assert module.literal("it's") == "'it''s'"


@given(st.text())
def test_passwords_are_prepared_as_the_standard_says(password):
    try:
        expected = saslprep(password)
    except ValueError:
        expected = password
    assert module.prepared(password) == (expected or password)


def test_the_verifier_is_that_of_the_standard():
    """The exchange that RFC 7677 gives as its example: the server's key signs it as it does there."""
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
    exchange = f"n=user,r={nonce[:20]},r={nonce},s={salt},i=4096,c=biws,r={nonce}"
    server_key = module.verifier("pencil", base64.b64decode(salt), 4096).rpartition(":")[2]
    signature = hmac.digest(base64.b64decode(server_key), exchange.encode(), "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@given(st.text(min_size=1), st.text(min_size=1), st.binary(min_size=1))
@settings(deadline=None, max_examples=30)
def test_a_verifier_fits_its_password_only(password, other, salt):
    made = module.verifier(password, salt, 2)
    assert module.fits(password, made)
    assert module.fits(other, made) == (module.prepared(password) == module.prepared(other))


@pytest.mark.parametrize("present", ["", "md5abc", "SCRAM-SHA-256$x:y$z:w", "SCRAM-SHA-256$4096:!$a:b"])
def test_no_other_kind_fits(present):
    assert not module.fits("secret", present)


def test_a_verifier_that_costs_more_than_the_servers_is_not_computed():
    """Users may set their own; this one would take an hour."""
    costly = module.verifier("secret", SALT, 2).replace("$2:", "$4294967295:", 1)
    assert not module.fits("secret", costly)


@pytest.mark.parametrize(
    ("users", "databases", "fault"),
    [
        ([("", None)], [], "needs 1 to 63"),
        ([("ä" * 32, None)], [], "needs 1 to 63"),
        ([("a\nb", None)], [], "printable"),
        ([("ada", None), ("ada", "x")], [], "ada is there twice"),
        ([("postgres", None)], [], "Choose another name"),
        ([("pg_monitor", None)], [], "Choose another name"),
        ([("ada", "")], [], "Give one, or leave it out"),
        ([], [("template1", "root")], "Choose another name"),
        ([], [("tm351", "ada")], "owner ada of tm351 is no user. Add it to users."),
    ],
)
def test_faults_are_named_with_their_mend(users, databases, fault):
    declared = [{"name": name, "password": password, "createdb": False} for name, password in users]
    found = module.faults(declared, [{"name": name, "owner": owner} for name, owner in databases], {"root"})
    assert len(found) == 1 and fault in found[0]


def test_what_is_right_has_no_fault():
    users = [{"name": "ada", "password": None, "createdb": False}]
    databases = [{"name": "tm351", "owner": "ada"}, {"name": "own", "owner": "root"}]
    assert module.faults(users, databases, {"root"}) == []
