"""The benchmark's own project on the dev cloud: made for it, and removed with all that is in it.

So nobody else's resources are in the clients' lists, nobody else's quota is touched, and whatever a client leaves
behind is known to be its.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from bench.bare import Cloud, Refused

NAME = "coursevm-bench"
# What the dev cloud's own user has; Heat wants the second.
ROLES = ("member", "heat_stack_owner")
PATIENCE = 300  # seconds until everything in the project must be gone

NETWORK_KINDS = {
    "floating IPs": "/floatingips",
    "routers": "/routers",
    "ports": "/ports",
    "subnets": "/subnets",
    "networks": "/networks",
    "security groups": "/security-groups",
    "address groups": "/address-groups",
    "subnet pools": "/subnetpools",
}
COMPUTE_KINDS = {"servers": "/servers", "server groups": "/os-server-groups"}


class Project:
    """The project and a user in it. ``auth`` is an entry of clouds.yaml for that user."""

    def __init__(self, admin: Cloud, admin_auth: dict[str, str]) -> None:
        self._admin = admin
        self._user: Cloud | None = None
        self.project_id: str | None = None
        self.auth = {**admin_auth, "username": NAME, "password": secrets.token_urlsafe(), "project_name": NAME}

    def make(self) -> None:
        """Make project and user, without quotas; what a killed run left of them is removed before."""
        if self._found("/projects", "projects"):
            print("Removing what a run that was killed left behind", flush=True)
            self.discard()
            self._user = None
        description = "made by `make bench`, which removes it at the end"
        body = {"name": NAME, "domain_id": "default", "description": description}
        self.project_id = self._admin.call("identity", "POST", "/projects", {"project": body})["project"]["id"]
        self._join()

    def discard(self) -> None:
        """Remove project and user with all that is in the project, as far as there is any."""
        if project_id := self._found("/projects", "projects"):
            self.project_id = project_id
            if not self._user:
                self._join()
            self.empty()
            self._remove()
        if user_id := self._found("/users", "users"):
            self._admin.delete("identity", f"/users/{user_id}")

    def _found(self, path: str, key: str) -> str | None:
        return next((entry["id"] for entry in self._admin.list("identity", path, key, name=NAME)), None)

    def _join(self) -> None:
        """A user in the project, and no limits for it."""
        admin = self._admin
        user = {"name": NAME, "password": self.auth["password"], "domain_id": "default"}
        if user_id := self._found("/users", "users"):  # kept, because a stack relies on who made it
            admin.call("identity", "PATCH", f"/users/{user_id}", {"user": {"password": user["password"]}})
        else:
            user_id = admin.call("identity", "POST", "/users", {"user": user})["user"]["id"]
        for role in admin.list("identity", "/roles", "roles"):
            if role["name"] in ROLES:
                path = f"/projects/{self.project_id}/users/{user_id}/roles/{role['id']}"
                admin.call("identity", "PUT", path)
        limits = dict.fromkeys(("instances", "cores", "ram", "server_groups"), -1)
        admin.call("compute", "PUT", f"/os-quota-sets/{self.project_id}", {"quota_set": limits})
        kinds = ("network", "subnet", "router", "port", "floatingip", "security_group", "security_group_rule")
        admin.call("network", "PUT", f"/quotas/{self.project_id}", {"quota": dict.fromkeys(kinds, -1)})
        self._user = Cloud(self.auth)

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        """Everything in the project, by kind; what Neutron gives to every project (a group "default") is left out."""
        user = self._user
        found = {"stacks": user.list("orchestration", "/stacks", "stacks")}
        for kind, path in COMPUTE_KINDS.items():
            found[kind] = user.list("compute", path, kind.replace(" ", "_"))
        found["key pairs"] = [entry["keypair"] for entry in user.list("compute", "/os-keypairs", "keypairs")]
        found["images"] = user.list("image", "/images", "images", owner=self.project_id)
        for kind, path in NETWORK_KINDS.items():
            key = path[1:].replace("-", "_")
            found[kind] = user.list("network", path, key, project_id=self.project_id)
        found["security groups"] = [group for group in found["security groups"] if group["name"] != "default"]
        return {kind: resources for kind, resources in found.items() if resources}

    def servers(self) -> list[dict[str, Any]]:
        """The servers with their status."""
        return self._user.list("compute", "/servers/detail", "servers")

    def empty(self) -> None:
        """Remove everything in the project. Raises TimeoutError when something doesn't go."""
        deadline = time.monotonic() + PATIENCE
        while found := self.contents():
            if time.monotonic() > deadline:
                raise TimeoutError(f"project {NAME}: not gone after {PATIENCE} s: {in_words(found)}")
            for kind, resources in found.items():
                for resource in resources:
                    self._delete(kind, resource)
            time.sleep(1)

    def _delete(self, kind: str, resource: dict[str, Any]) -> None:
        """Ask for one thing to go; what is refused now, because something else needs it, is asked for again later."""
        user = self._user
        try:
            if kind == "stacks":
                user.delete("orchestration", f"/stacks/{resource['stack_name']}/{resource['id']}")
            elif kind == "key pairs":
                user.delete("compute", f"/os-keypairs/{resource['name']}")
            elif kind == "images":
                user.delete("image", f"/images/{resource['id']}")
            elif kind in COMPUTE_KINDS:
                user.delete("compute", f"{COMPUTE_KINDS[kind]}/{resource['id']}")
            elif kind == "ports" and resource["device_owner"].startswith("network:router_interface"):
                path = f"/routers/{resource['device_id']}/remove_router_interface"
                user.call("network", "PUT", path, {"port_id": resource["id"]})
            else:
                user.delete("network", f"{NETWORK_KINDS[kind]}/{resource['id']}")
        except Refused as error:
            if error.status not in (400, 403, 404, 409):
                raise

    def _remove(self) -> None:
        """Remove the project, which must be empty, its quotas and default security group."""
        admin = self._admin
        for group in self._seen_by_admin("/security-groups"):
            admin.delete("network", f"/security-groups/{group['id']}")
        admin.delete("compute", f"/os-quota-sets/{self.project_id}")
        admin.delete("network", f"/quotas/{self.project_id}")
        admin.delete("identity", f"/projects/{self.project_id}")

    def traces(self) -> dict[str, list[dict[str, Any]]]:
        """What the administrator still sees of the project once it is removed."""
        admin = self._admin
        found = {kind: self._seen_by_admin(path) for kind, path in NETWORK_KINDS.items()}
        found["servers"] = admin.list("compute", "/servers", "servers", all_tenants="1", project_id=self.project_id)
        found["images"] = admin.list("image", "/images", "images", owner=self.project_id)
        found["projects"] = admin.list("identity", "/projects", "projects", name=NAME)
        found["users"] = admin.list("identity", "/users", "users", name=NAME)
        return {kind: resources for kind, resources in found.items() if resources}

    def _seen_by_admin(self, path: str) -> list[dict[str, Any]]:
        """The project's resources. Asked for those of a project, Neutron would make it a new default group."""
        everything = self._admin.list("network", path, path[1:].replace("-", "_"))
        return [resource for resource in everything if resource["project_id"] == self.project_id]


def in_words(contents: dict[str, list[dict[str, Any]]]) -> str:
    """For example "2 servers, 1 ports"; "nothing" when there is nothing."""
    return ", ".join(f"{len(resources)} {kind}" for kind, resources in contents.items()) or "nothing"
