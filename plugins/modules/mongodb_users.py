# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MongoDB users, in one call: over a slow connection, each call costs seconds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_users
short_description: Users of the local MongoDB server, in one call
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Makes users and keeps their passwords and roles as declared. Users that aren't named are left alone.
  - For that it has an administrator of its own, C(coursevm), who may manage users and nothing else. He is made while
    the server has no user yet, with a password that is made on the host and stays there, in a file that only root may
    read.
  - Whoever is on the host could make the first user, where the server allows that at all. So the administrator is made
    with O(service) stopped and the server on a socket that root and the server's own user can reach, nobody else. The
    service itself is best run with the server's parameter C(enableLocalhostAuthBypass) set to V(false).
  - Whether a password is right is found by logging in with it, so that an unchanged password is no change.
  - The host's log gets no argument.
requirements:
  - pymongo 3.11 or newer, on the host
  - systemd, setpriv (util-linux)
options:
  users:
    description: The users.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      password:
        description: The password.
        type: str
        required: true
      database:
        description: Database that the user belongs to, logs in to, and has the roles on.
        type: str
        required: true
      roles:
        description: What the user may do on the database, by the names of MongoDB's roles.
        type: list
        elements: str
        default: [readWrite]
  port:
    description: TCP port of the server, on the loopback address.
    type: int
    default: 27017
  credentials:
    description: File with the administrator's name and password.
    type: path
    default: /etc/coursevm/mongodb.json
  service:
    description: Unit of the server.
    type: str
    default: mongod
  config:
    description: The server's configuration.
    type: path
    default: /etc/mongod.conf
  timeout:
    description: Seconds to wait until the server answers.
    type: int
    default: 60
attributes:
  check_mode:
    description:
      - Predicts what would be done. Where the administrator is still to be made, it takes users for missing.
      - Where the server doesn't answer, since a task before would start it, a warning says that nothing is predicted.
    support: full
  diff_mode:
    description: Shows what is done, in words, without passwords.
    support: full
"""

EXAMPLES = r"""
- name: Let the student use the course's database
  ouseful.coursevm.mongodb_users:
    users:
      - name: oustudent
        password: "{{ vault_mongodb_password }}"
        database: tm351
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: [make user oustudent of tm351]
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.ouseful.coursevm.plugins.module_utils.changes import Done, write
from ansible_collections.ouseful.coursevm.plugins.module_utils.private_mongod import PrivateMongodError, private_mongod
from ansible_collections.ouseful.coursevm.plugins.module_utils.quiet import QuietModule
from ansible_collections.ouseful.coursevm.plugins.module_utils.services import properties

try:
    import pymongo
    from pymongo import errors as pymongo_errors
except ImportError:
    pymongo = None

ARGUMENTS = {
    "users": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "database": {"type": "str", "required": True},
            "roles": {"type": "list", "elements": "str", "default": ["readWrite"]},
        },
    },
    "port": {"type": "int", "default": 27017},
    "credentials": {"type": "path", "default": "/etc/coursevm/mongodb.json"},
    "service": {"type": "str", "default": "mongod"},
    "config": {"type": "path", "default": "/etc/mongod.conf"},
    "timeout": {"type": "int", "default": 60},
}
ADMINISTRATOR = "coursevm"
UNAUTHORIZED = 13
AUTHENTICATION_FAILED = 18
# Seconds that a check waits: nothing has just been started for it
SHORT = 5


@dataclass(frozen=True)
class Action:
    """One thing to do: in words, and as a command to one database."""

    words: str
    database: str
    command: dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A user as the server has it: roles as (role, database), and whether the password is the declared one."""

    roles: frozenset[tuple[str, str]]
    password_fits: bool


def faults(users: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the declaration."""
    found = []
    keys = [(user["database"], user["name"]) for user in users]
    for database, name in sorted({key for key in keys if keys.count(key) > 1}):
        found.append(f"users: {name} of {database} is there twice. Say once what it should be.")
    for user in users:
        if not user["name"] or not user["password"] or not user["database"]:
            found.append(
                f"users: {user['name'] or 'a user'} needs a name, a password and a database that are not empty."
            )
        if (user["database"], user["name"]) == ("admin", ADMINISTRATOR):
            found.append(f"users: {ADMINISTRATOR} of admin is this module's own. Choose another name.")
    return found


def plan(users: list[dict[str, Any]], observed: dict[tuple[str, str], Seen]) -> list[Action]:
    """What there is to do, in order. ``observed`` has the server's users by (database, name)."""
    actions = []
    for user in users:
        name, database = user["name"], user["database"]
        roles = [{"role": role, "db": database} for role in user["roles"]]
        seen = observed.get((database, name))
        if seen is None:
            command = {"createUser": name, "pwd": user["password"], "roles": roles}
            actions.append(Action(f"make user {name} of {database}", database, command))
            continue
        if not seen.password_fits:
            command = {"updateUser": name, "pwd": user["password"]}
            actions.append(Action(f"set the password of user {name} of {database}", database, command))
        if seen.roles != {(role, database) for role in user["roles"]}:
            words = f"give user {name} of {database} the roles {', '.join(user['roles']) or 'none'}"
            actions.append(Action(words, database, {"updateUser": name, "roles": roles}))
    return actions


class Server:
    """The server on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.address = f"127.0.0.1:{module.params['port']}"
        self.timeout = min(SHORT, module.params["timeout"]) if module.check_mode else module.params["timeout"]

    def client(
        self, name: str | None = None, password: str | None = None, database: str = "admin", address: str | None = None
    ):
        """A client, logged in as the user, or as nobody. The address may be that of a socket."""
        login = {"username": name, "password": password, "authSource": database} if name else {}
        # Of one server, whatever set of replicas it believes to be in
        return pymongo.MongoClient(
            f"mongodb://{quote(address or self.address, safe=':')}",
            directConnection=True,
            serverSelectionTimeoutMS=self.timeout * 1000,
            **login,
        )

    def accepts(self, name: str, password: str, database: str) -> bool:
        """Whether the password is the user's."""
        try:
            self.client(name, password, database)[database].command("ping")
        except pymongo_errors.OperationFailure as error:
            if error.code != AUTHENTICATION_FAILED:
                raise
            return False
        return True

    def observe(self, administrator, users: list[dict[str, Any]]) -> dict[tuple[str, str], Seen]:
        """Those of the users that the server has."""
        passwords = {(user["database"], user["name"]): user["password"] for user in users}
        asked = [{"user": name, "db": database} for database, name in passwords]
        found = administrator.admin.command("usersInfo", asked)["users"] if asked else []
        return {
            (user["db"], user["user"]): Seen(
                frozenset((role["role"], role["db"]) for role in user["roles"]),
                self.accepts(user["user"], passwords[user["db"], user["user"]], user["db"]),
            )
            for user in found
        }


def read_credentials(path: str) -> dict[str, str] | None:
    """The administrator's name and password; None where there are none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


@contextmanager
def stopped(module: AnsibleModule) -> Iterator[None]:
    """Have the service stopped meanwhile. Whatever comes of it, it is started afterwards."""
    service = module.params["service"]
    module.run_command(["systemctl", "stop", service], check_rc=True)
    try:
        yield
    finally:
        module.run_command(["systemctl", "start", service])  # where that fails, it doesn't answer whoever asks next


def make_administrator(module: AnsibleModule, server: Server, credentials: dict[str, str] | None) -> dict[str, str]:
    """Make the administrator, which is possible without a login while the server has no user yet."""
    path = module.params["credentials"]
    if credentials is None:
        credentials = {"user": ADMINISTRATOR, "password": secrets.token_urlsafe(32)}
        # Before he is made: a run that is interrupted in between would leave one whom nobody knows
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        write(path, json.dumps(credentials), mode=0o600)
    account = properties(module, module.params["service"], ("User",))["User"] or "root"
    private = private_mongod(account, module.params["config"], module.params["timeout"])
    try:
        with stopped(module), private as socket, server.client(address=socket) as client:
            client.admin.command(
                "createUser", credentials["user"], pwd=credentials["password"], roles=["userAdminAnyDatabase"]
            )
    except PrivateMongodError as error:
        module.fail_json(msg=f"config: {error}")
    except pymongo_errors.OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        module.fail_json(
            msg=f"credentials: the server has users already, and {path} holds no administrator it knows. Make a user of"
            " the database admin with the role userAdminAnyDatabase, and write its 'user' and 'password' there as JSON."
        )
    return credentials


def ensure(module: AnsibleModule) -> list[Action]:
    """Do, or in check mode predict, all there is to do."""
    server = Server(module)
    users = module.params["users"]
    credentials = read_credentials(module.params["credentials"])
    made = []
    if credentials is None or not server.accepts(credentials["user"], credentials["password"], "admin"):
        made = [Action(f"make the administrator {ADMINISTRATOR}", "admin", {})]
        if module.check_mode:
            return made + plan(users, {})
        credentials = make_administrator(module, server, credentials)
    administrator = server.client(credentials["user"], credentials["password"])
    actions = plan(users, server.observe(administrator, users))
    if not module.check_mode:
        for action in actions:
            administrator[action.database].command(action.command)
    return made + actions


def main() -> None:
    """Run the module."""
    module = QuietModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if pymongo is None:
        module.fail_json(msg=missing_required_lib("pymongo"))
    wrong = faults(module.params["users"])
    if wrong:
        module.fail_json(msg=" ".join(wrong))
    try:
        actions = ensure(module)
    except pymongo_errors.OperationFailure as error:
        # Not the error's own text: it holds the whole answer
        said = (error.details or {}).get("errmsg", f"code {error.code}")
        module.fail_json(msg=f"MongoDB refused: {said}. Mend it and run this again.")
    except pymongo_errors.PyMongoError as error:
        unanswered = f"port: no MongoDB server answers at 127.0.0.1:{module.params['port']}"
        if not (module.check_mode and isinstance(error, pymongo_errors.ConnectionFailure)):
            module.fail_json(msg=f"{unanswered}: {error}")
        module.warn(f"{unanswered}. What there is to do about the users is known when it runs.")
        actions = []
    done = Done()
    for action in actions:
        done.note(action.words)
    module.exit_json(**done.result())


if __name__ == "__main__":
    main()
