"""Runs that make the same instance at the same time, in whichever order their requests reach the cloud."""

from __future__ import annotations

import math
import re
import threading
import time
from itertools import chain, count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired, observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.apply_instances import Apply, outcomes
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_instances import plan

WANTED = desired.Cohort(
    "demo",
    (desired.Instance("ada", "demo-ada"),),
    image="debian",
    flavor="m2.small",
    network="coursevm-demo",
    floating_network="public",
)
NETWORKS = {"coursevm-demo": ("net-1", "coursevm-demo")}
NAMES = observed.Names("f-1", "m2.small", NETWORKS, None, None, "ext-1")


@pytest.fixture(autouse=True, scope="module")
def no_pauses():
    """Nothing is waited for but the turns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda _seconds: None)
        yield


# Why a run fails whose server another one has removed in the moment in which it was taken, or that has no more tries.
TOLD = re.compile(
    "(create|bind) floating IP: (the server got no address on its network|Port .* could not be found|the fixed IP)"
    "|the server (vanished while it was waited for|came up in ERROR)"
)


class Turns:
    """Lets several threads make one step at a time, in a given order."""

    def __init__(self, order):
        self.order = order
        self.changed = threading.Condition()
        self.waiting, self.alive, self.granted = set(), set(), None

    def wait(self, name):
        """Wait until it is this thread's turn."""
        with self.changed:
            self.waiting.add(name)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.granted == name)
            self.waiting.discard(name)
            self.granted = None

    def run(self, functions):
        """Call each function, with its number as the name, and return when all are done."""

        def whole(name, function):
            try:
                function()
            finally:
                with self.changed:
                    self.alive.discard(name)
                    self.changed.notify_all()

        self.alive = set(range(len(functions)))
        threads = [threading.Thread(target=whole, args=pair) for pair in enumerate(functions)]
        for thread in threads:
            thread.start()
        for number in count():
            with self.changed:
                self.changed.wait_for(lambda: self.granted is None and self.waiting == self.alive)
                if not self.alive:
                    break
                ready = sorted(self.waiting)
                self.granted = ready[self.order[number % len(self.order)] % len(ready)]
                self.changed.notify_all()
        for thread in threads:
            thread.join()


class Nova:
    """Servers and floating IPs as all runs see them.

    ``lives`` has for each server in turn its id, how many requests it takes until it has an address, until it is up
    after that, and until it is gone when it is removed, and whether it comes up in ERROR. One that is being removed
    looks as if it were not: what was noted of that may be overwritten by whoever is building it.
    """

    def __init__(self, lives):
        self.lives = chain(lives, ((f"{number:02}", 0, 1, 2, False) for number in count(10)))
        self.servers, self.floating_ips = {}, {}
        self.requests = 0

    def pass_on(self):
        """One more request is made."""
        self.requests += 1
        for server_id in [one for one, body in self.servers.items() if body["gone_at"] <= self.requests]:
            del self.servers[server_id]
            for address in self.floating_ips.values():
                if address["port_id"] == f"port-{server_id}":
                    address["port_id"] = None

    def make(self, name, tags):
        """A new server, which ages with the requests; returns its id."""
        server_id, until_address, until_up, until_gone, fails = next(self.lives)
        self.servers[server_id] = {
            "id": server_id,
            "name": name,
            "tags": tags,
            "created": f"2026-01-01T{self.requests // 60:02}:{self.requests % 60:02}:00Z",
            "updated": "2026-01-02T00:00:00Z",
            "address_at": self.requests + until_address,
            "up_at": self.requests + until_address + until_up,
            "until_gone": until_gone,
            "gone_at": math.inf,
            "fails": fails,
        }
        return server_id

    def remove(self, server_id):
        """Remove a server, at some time."""
        body = self.servers.get(server_id)
        if body:
            body["gone_at"] = min(body["gone_at"], self.requests + body["until_gone"])

    def listed(self):
        """The servers in detail."""
        up = {"status": "ACTIVE", "OS-SRV-USG:launched_at": "2026-01-01T00:01:00.000000"}
        error = {"status": "ERROR", "fault": {"message": "no"}}
        for body in self.servers.values():
            has_address = body["address_at"] <= self.requests and not body["fails"]
            yield body | {
                "status": "BUILD",
                "addresses": {"coursevm-demo": [{"addr": "10.0.0.5"}]} if has_address else {},
                **((error if body["fails"] else up) if body["up_at"] <= self.requests else {}),
            }

    def ports(self):
        """One for each server that has an address."""
        for body in self.listed():
            if body["addresses"]:
                yield {
                    "id": f"port-{body['id']}",
                    "name": "",
                    "network_id": "net-1",
                    "device_id": body["id"],
                    "device_owner": "compute:nova",
                    "security_groups": [],
                    "fixed_ips": [{"subnet_id": "sub", "ip_address": "10.0.0.5"}],
                }


class Client:
    """What the code under test needs of a Cloud, for one run."""

    project_id = "p-1"

    def __init__(self, name, nova, turns):
        self.name, self.nova, self.turns = name, nova, turns

    def _turn(self):
        self.turns.wait(self.name)
        self.nova.pass_on()

    def poll(self, look):
        """Look."""
        return look()

    def list(self, _service, path, _key, _query=None):
        """Servers, ports or floating IPs; what has changed lately is everything here."""
        self._turn()
        kinds = {"/servers/detail": self.nova.listed, "/ports": self.nova.ports}
        return list(kinds[path]()) if path in kinds else list(self.nova.floating_ips.values())

    def get(self, _service, path, missing_ok):
        """What a server was asked for."""
        self._turn()
        body = self.nova.servers.get(path.split("/")[2], {"gone_at": math.inf})
        return {"instanceActions": [{"action": "create"}, *([{"action": "delete"}] * (body["gone_at"] < math.inf))]}

    def _has_room(self, port_id):
        """Refuse a floating IP as Neutron does."""
        if port_id not in [port["id"] for port in self.nova.ports()]:
            raise CloudError(f"Port {port_id} could not be found.", 404)
        if port_id in [address["port_id"] for address in self.nova.floating_ips.values()]:
            raise CloudError("the fixed IP already has one", 409)

    def post(self, _service, path, body):
        """A server or a floating IP."""
        self._turn()
        if path == "/servers":
            return {"server": {"id": self.nova.make(body["server"]["name"], body["server"]["tags"])}}
        facts = body["floatingip"]
        self._has_room(facts["port_id"])
        address_id = f"fip-{self.nova.requests}"
        facts = facts | {"id": address_id, "floating_ip_address": "172.24.4.5", "fixed_ip_address": "10.0.0.5"}
        self.nova.floating_ips[address_id] = facts
        return {"floatingip": facts}

    def put(self, _service, path, body):
        """Bind a floating IP."""
        self._turn()
        self._has_room(body["floatingip"]["port_id"])
        address = self.nova.floating_ips[path.rpartition("/")[2]]
        address |= body["floatingip"]
        return {"floatingip": address}

    def delete(self, _service, path):
        """Remove a server or a floating IP."""
        self._turn()
        _nothing, kind, one = path.split("/")
        if kind == "servers":
            self.nova.remove(one)
        else:
            self.nova.floating_ips.pop(one, None)


def run_at_once(order, lives, runs, retries=50):
    """Make the instance with several runs, each of which has seen nothing; the cloud and each one's outcome."""
    nova, turns, results = Nova(lives), Turns(order), []
    functions = []
    for name in range(runs):
        state = observed.CohortState("image-1", names=NAMES)
        result = outcomes(state, ["ada"])
        how = {"timeout": 600, "concurrency": 1, "retries": retries, "tell": lambda line: None}
        apply = Apply(Client(name, nova, turns), WANTED, state, result, **how)
        functions.append(lambda apply=apply, state=state: apply.run(plan(WANTED, state)))
        results.append(result)
    turns.run(functions)
    return nova, [result["ada"] for result in results]


@st.composite
def lives(draw, fails=(False,)):
    """Of the first servers."""
    requests = st.integers(0, 12)
    facts = st.tuples(requests, requests, st.integers(0, 20), st.sampled_from(fails))
    return [(f"{number:02}", *draw(facts)) for number in draw(st.permutations(range(6)))]


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=60),
    lives((False, False, False, True)),
    st.integers(2, 3),
    st.sampled_from([0, 1, 50]),
)
def test_in_whichever_order_no_two_servers_are_left(order, lives, runs, retries):
    nova, results = run_at_once(order, lives, runs, retries)
    stay = [one for one, body in nova.servers.items() if body["gone_at"] == math.inf and not body["fails"]]
    assert len(stay) <= 1
    errors = [result.error for result in results if result.error]
    assert [error for error in errors if not TOLD.match(error)] == []


@given(st.lists(st.permutations(range(3)), min_size=1, max_size=20), lives(), st.integers(2, 3))
def test_when_no_run_is_held_up_every_run_ends_well_with_the_same_server_and_floating_ip(rounds, lives, runs):
    order = [turn for turns in rounds for turn in turns]
    nova, results = run_at_once(order, lives, runs)
    assert [result.error for result in results] == [None] * runs
    (server_id,) = nova.servers
    assert {result.server.id for result in results} == {server_id}
    (address,) = nova.floating_ips.values()
    assert address["port_id"] == f"port-{server_id}"
