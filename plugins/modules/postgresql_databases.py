# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PostgreSQL users and databases, in one call: over a slow connection, each call costs seconds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_databases
short_description: Users and databases of the local PostgreSQL server, in one call
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Makes users and databases and keeps them as declared. What isn't named is left alone, and nothing is ever dropped.
  - Works through C(psql), as the system user V(postgres) on the server's socket, so that it needs no library and no
    password.
  - The host's log gets no argument. Passwords are turned into SCRAM verifiers before they reach the server, whose log
    can't have them then. A verifier
    that is there is compared with the password, so that an unchanged password is no change.
options:
  users:
    description: The users, each a role that may log in.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      password:
        description:
          - The password. Without one, the user has none, and logs in as the system user of the same name on the socket.
          - A password that the server keeps in another form than SCRAM-SHA-256 is set anew.
        type: str
      createdb:
        description: Whether the user may make databases.
        type: bool
        default: false
  databases:
    description: The databases. Only their owners, and whom they let in, may connect.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the database.
        type: str
        required: true
      owner:
        description: User who owns it, one of O(users) or of the server's.
        type: str
        required: true
      locale:
        description: Locale that a new database sorts and classifies by. The encoding is always UTF-8. No later change.
        type: str
        default: C.UTF-8
      seed:
        description:
          - SQL for C(psql), run by the owner when it was never run in this database, in one transaction, so without
            C(BEGIN) and C(COMMIT) of its own.
          - For that, the server has to let the system user V(postgres) in as the owner, by its C(pg_ident.conf). To run
            it as V(postgres) would give the owner, whose triggers may be met, the whole server.
          - That it ran is kept as a setting of the database, C(coursevm.seeded), which its owner can't change. Another
            seed later doesn't run, since it might undo a student's work.
        type: str
  cluster:
    description: The server, C(version/name), where the host has several. Empty means Debian's default one.
    type: str
    default: ""
attributes:
  check_mode:
    description:
      - Predicts truthfully what would be done.
      - Where the server doesn't run, since a task before would start it, a warning says that nothing is predicted.
    support: full
  diff_mode:
    description: Shows what is done, in words, without passwords.
    support: full
"""

EXAMPLES = r"""
- name: Make the course's database
  ouseful.coursevm.postgresql_databases:
    users:
      - name: oustudent
      - name: tm351_guest
        password: "{{ vault_guest_password }}"
    databases:
      - name: tm351
        owner: oustudent
        seed: "{{ lookup('ansible.builtin.file', 'tm351.sql') }}"
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: [make user oustudent, 'make database tm351, owned by oustudent']
"""

import base64
import hashlib
import hmac
import json
import os
import stringprep
import unicodedata
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ouseful.coursevm.plugins.module_utils.changes import Done
from ansible_collections.ouseful.coursevm.plugins.module_utils.quiet import QuietModule

ARGUMENTS = {
    "users": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "createdb": {"type": "bool", "default": False},
        },
    },
    "databases": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "locale": {"type": "str", "default": "C.UTF-8"},
            "seed": {"type": "str", "no_log": True},  # no secret, but too much to be shown with -vvv
        },
    },
    "cluster": {"type": "str", "default": ""},
}
NAME_BYTES = 63  # PostgreSQL cuts longer names off
ITERATIONS = 4096  # as the server does it itself
# Only the server's own user may set the mark, which the owner can't change. The comment, which he can, is of the seed's
# own transaction: by it a run knows how far another came that ended between the two.
MARK = "coursevm.seeded"
SEEDED = "seeded by ouseful.coursevm"
ADMINISTRATOR = "postgres"
# The server writes a failing statement into its log; a verifier is as good as a password to whoever can read that.
# And whatever functions users may have put into the schema public are not to be met.
GUARDED = (
    "SET log_statement = 'none'; SET log_min_error_statement = 'panic'; SET log_min_duration_statement = -1;"
    " SET search_path = pg_catalog;\n"
)
END = "this is the end"  # psql may end early and yet report success
LOOK = f"""
SELECT json_build_object(
  'users', (SELECT coalesce(json_object_agg(rolname, json_build_object(
      'login', rolcanlogin, 'createdb', rolcreatedb, 'verifier', coalesce(rolpassword, ''))), '{{}}') FROM pg_authid),
  'databases', (SELECT coalesce(json_object_agg(datname, json_build_object(
      'owner', pg_get_userbyid(datdba),
      'seeded', coalesce(shobj_description(oid, 'pg_database'), '') = '{SEEDED}',
      'marked', EXISTS (
        SELECT FROM pg_db_role_setting WHERE setdatabase = oid AND setrole = 0 AND '{MARK}=yes' = ANY (setconfig)),
      'open', EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0))), '{{}}')
    FROM pg_database));
"""


@dataclass(frozen=True)
class Action:
    """One thing to do: in words, and as SQL for one database, by one user."""

    words: str
    sql: str
    database: str = "postgres"
    user: str = ADMINISTRATOR


def prepared(password: str) -> str:
    """The password as clients send it (SASLprep, RFC 4013); unchanged where that forbids it, as PostgreSQL has it."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in password if not stringprep.in_table_b1(char)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_a1,
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    right_to_left = [bool(stringprep.in_table_d1(char)) for char in normal]
    mixed = any(right_to_left) and (
        any(map(stringprep.in_table_d2, normal)) or not (right_to_left[0] and right_to_left[-1])
    )
    if not normal or mixed or any(test(char) for char in normal for test in forbidden):
        return password
    return normal


def verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """What the server keeps of a password."""
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password).encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def fits(password: str, present: str) -> bool:
    """Whether the verifier is one of this password; any other kind, or none, is not.

    Nor is one that costs more than the server's own: users may set theirs, and root would compute.
    """
    try:
        _, parameters, _ = present.split("$")
        iterations, salt = parameters.split(":")
        if int(iterations) > ITERATIONS:
            return False
        made = verifier(password, base64.b64decode(salt), int(iterations))
    except ValueError:
        return False
    return hmac.compare_digest(made, present)


def identifier(name: str) -> str:
    """The name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"


def faults(users: list[dict[str, Any]], databases: list[dict[str, Any]], known: set[str]) -> list[str]:
    """What is wrong with the declaration. ``known`` are the users that the server has."""
    found = []
    for option, things in (("users", users), ("databases", databases)):
        names = [thing["name"] for thing in things]
        for name in names:
            if not name or len(name.encode()) > NAME_BYTES or not name.isprintable():
                found.append(f"{option}: name {name!r} needs 1 to {NAME_BYTES} printable characters.")
        for name in sorted({name for name in names if names.count(name) > 1}):
            found.append(f"{option}: {name} is there twice. Say once what it should be.")
    for user in users:
        if user["name"] == "postgres" or user["name"].startswith("pg_"):
            found.append(f"users: {user['name']} is the server's own. Choose another name.")
        if user["password"] == "":
            found.append(f"users: the password of {user['name']} is empty. Give one, or leave it out.")
    for database in databases:
        if database["name"] in ("postgres", "template0", "template1"):
            found.append(f"databases: {database['name']} is the server's own. Choose another name.")
        if database["owner"] not in known | {user["name"] for user in users}:
            found.append(f"databases: owner {database['owner']} of {database['name']} is no user. Add it to users.")
    return found


def plan_user(user: dict[str, Any], seen: dict[str, Any] | None, salt: bytes) -> list[Action]:
    """What there is to do about one user. ``seen`` is None where there is none."""
    name, quoted, password = user["name"], identifier(user["name"]), user["password"]
    createdb = "CREATEDB" if user["createdb"] else "NOCREATEDB"
    if seen is None:
        secret = literal(verifier(password, salt)) if password else "NULL"
        return [Action(f"make user {name}", f"CREATE ROLE {quoted} LOGIN {createdb} PASSWORD {secret};")]
    actions = []
    if not seen["login"]:
        actions.append(Action(f"let user {name} log in", f"ALTER ROLE {quoted} LOGIN;"))
    if seen["createdb"] != user["createdb"]:
        words = f"{'let' if user['createdb'] else 'no longer let'} user {name} make databases"
        actions.append(Action(words, f"ALTER ROLE {quoted} {createdb};"))
    if password and not fits(password, seen["verifier"]):
        secret = literal(verifier(password, salt))
        actions.append(Action(f"set the password of user {name}", f"ALTER ROLE {quoted} PASSWORD {secret};"))
    if not password and seen["verifier"]:
        actions.append(Action(f"remove the password of user {name}", f"ALTER ROLE {quoted} PASSWORD NULL;"))
    return actions


def plan_database(database: dict[str, Any], seen: dict[str, Any] | None) -> list[Action]:
    """What there is to do about one database. ``seen`` is None where there is none."""
    name, quoted, owner = database["name"], identifier(database["name"]), identifier(database["owner"])
    actions = []
    if seen is None:
        # template0: only it may be copied into another encoding and locale than its own
        make = f"CREATE DATABASE {quoted} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'"
        make += f" LOCALE {literal(database['locale'])};"
        actions.append(Action(f"make database {name}, owned by {database['owner']}", make))
    elif seen["owner"] != database["owner"]:
        words = f"give database {name} from {seen['owner']} to {database['owner']}"
        actions.append(Action(words, f"ALTER DATABASE {quoted} OWNER TO {owner};"))
    if seen is None or seen["open"]:
        words = f"close database {name} to all but its owner"
        actions.append(Action(words, f"REVOKE ALL ON DATABASE {quoted} FROM PUBLIC;"))
    if database["seed"] and not (seen and seen["marked"]):
        if not (seen and seen["seeded"]):
            # The newline ends a comment that the seed may end with
            sql = f"BEGIN;\n{database['seed']}\nCOMMENT ON DATABASE {quoted} IS {literal(SEEDED)};\nCOMMIT;\n"
            actions.append(Action(f"seed database {name}", sql, name, database["owner"]))
        actions.append(Action(f"mark database {name} as seeded", f"ALTER DATABASE {quoted} SET {MARK} = 'yes';"))
    return actions


def plan(wanted: dict[str, list[dict[str, Any]]], observed: dict[str, Any], salts: list[bytes]) -> list[Action]:
    """What there is to do, in order. One salt for each user."""
    actions = []
    for user, salt in zip(wanted["users"], salts, strict=True):
        actions += plan_user(user, observed["users"].get(user["name"]), salt)
    for database in wanted["databases"]:
        actions += plan_database(database, observed["databases"].get(database["name"]))
    return actions


def run(module: AnsibleModule, *command: str, data: str | None = None) -> tuple[int, str, str]:
    """Run a client of PostgreSQL as the server's own user; its status, output and errors."""
    environment = {"PGCLIENTENCODING": "UTF8"}
    if module.params["cluster"]:
        environment["PGCLUSTER"] = module.params["cluster"]
    return module.run_command(
        ["runuser", "-u", "postgres", "--", *command], data=data, cwd="/", environ_update=environment
    )


def psql(module: AnsibleModule, sql: str, database: str = "postgres", user: str = ADMINISTRATOR) -> str:
    """Run SQL; ends the module when it fails."""
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    command += ["--set=VERBOSITY=terse", f"--dbname={database}", f"--username={user}"]
    guarded = GUARDED if user == ADMINISTRATOR else ""
    status, output, errors = run(module, *command, data=f"{guarded}{sql}\n\\echo {END}\n")
    output, end, _ = output.rpartition(END)
    if status or not end:
        reason = errors.strip() or "psql ended early, as it does at an empty statement."
        module.fail_json(msg=f"PostgreSQL, database {database}: {reason} Mend it and run this again.")
    return output


def observe(module: AnsibleModule) -> dict[str, Any] | None:
    """What the server has; None in check mode where it doesn't run."""
    if module.check_mode and run(module, "pg_isready", "--quiet")[0]:
        return None
    return json.loads(psql(module, LOOK))


def main() -> None:
    """Run the module."""
    module = QuietModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    users, databases = module.params["users"], module.params["databases"]
    observed = observe(module)
    known = set(observed["users"]) if observed else {database["owner"] for database in databases}
    wrong = faults(users, databases, known)
    if wrong:
        module.fail_json(msg=" ".join(wrong))
    done = Done()
    if observed is None:
        module.warn("PostgreSQL doesn't run. What there is to do about users and databases is known when it runs.")
        module.exit_json(**done.result())
    actions = plan(module.params, observed, [os.urandom(16) for _ in users])
    if not module.check_mode:
        for (database, user), group in groupby(actions, key=lambda action: (action.database, action.user)):
            psql(module, "\n".join(action.sql for action in group), database, user)
    for action in actions:
        done.note(action.words)
    module.exit_json(**done.result())


if __name__ == "__main__":
    main()
