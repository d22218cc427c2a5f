"""The fewest requests that make the same cohort, as concurrent as asked: how fast this cloud is with any client.

It checks nothing, repeats nothing and marks nothing as its own, so it is no way to work.

Usage: floor.py cold|unchanged|teardown SIZE CONCURRENCY [router-first]
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))
from bench.bare import Cloud, concurrently, credentials

COHORT = yaml.safe_load((Path(__file__).parents[1] / "cohort.yml").read_text())
NAME = COHORT["bench_name"]
POLL_EVERY = 1  # seconds
PATIENCE = 600  # seconds


class Floor:
    """The cohort, `workers` requests at a time; `router_first`: no server before its subnet is on the router."""

    def __init__(self, cloud: Cloud, size: int, workers: int, *, router_first: bool) -> None:
        self.cloud = cloud
        self.router_first = router_first
        self.students = [f"s{number}" for number in range(1, size + 1)]
        self.workers = workers
        self.together = partial(concurrently, lambda request: request(), workers=workers)

    def _get(self, service: str, path: str, key: str, **query: str) -> partial:
        return partial(self.cloud.list, service, path, key, **query)

    def _post(self, service: str, path: str, key: str, body: object) -> partial:
        return partial(self.cloud.call, service, "POST", path, {key: body})

    def _wait(self, left: partial) -> None:
        asked_at = begun_at = time.monotonic()
        while left():
            now = time.monotonic()
            if now - begun_at > PATIENCE:
                sys.exit(f"not done after {PATIENCE} s")
            # What a busy cloud is long about is not asked again at once: it would only be longer about the rest
            time.sleep(max(POLL_EVERY, now - asked_at))
            asked_at = time.monotonic()

    def cold(self) -> None:
        """Make the cohort."""
        images, flavors, networks = self.together(
            [
                self._get("image", "/images", "images", name=COHORT["bench_image"]),
                self._get("compute", "/flavors", "flavors"),
                self._get("network", "/networks", "networks", name=COHORT["bench_external_network"]),
            ]
        )
        flavor = next(flavor["id"] for flavor in flavors if flavor["name"] == COHORT["bench_flavor"])
        external = networks[0]["id"]
        gateway = {"external_gateway_info": {"network_id": external}}
        network, router, group = (
            next(iter(answer.values()))["id"]
            for answer in self.together(
                [
                    self._post("network", "/networks", "network", {"name": NAME}),
                    self._post("network", "/routers", "router", {"name": NAME, **gateway}),
                    self._post("network", "/security-groups", "security_group", {"name": NAME}),
                ]
            )
        )
        subnet = {"network_id": network, "cidr": COHORT["bench_cidr"], "ip_version": 4}
        rule = {"security_group_id": group, "direction": "ingress", "protocol": "tcp"}
        tcp_ports = COHORT["bench_tcp_ports"]
        rules = [{**rule, "port_range_min": port, "port_range_max": port} for port in tcp_ports]
        made, _rules = self.together(
            [
                self._post("network", "/subnets", "subnet", subnet),
                self._post("network", "/security-group-rules", "security_group_rules", rules),
            ]
        )
        interface = {"subnet_id": made["subnet"]["id"]}
        attach = partial(self.cloud.call, "network", "PUT", f"/routers/{router}/add_router_interface", interface)
        server = {"imageRef": images[0]["id"], "flavorRef": flavor, "availability_zone": COHORT["bench_zone"]}
        server |= {"networks": [{"uuid": network}], "security_groups": [{"name": group}]}
        servers = [self._post("compute", "/servers", "server", {**server, "name": name}) for name in self.students]
        if self.router_first:
            attach()
            self.together(servers)
        else:
            self.together([attach, *servers])
        ports = self._get("network", "/ports", "ports", network_id=network)
        bound: dict[str, Future] = {}
        with ThreadPoolExecutor(self.workers) as background:
            self._wait(partial(self._bind_what_has_a_port, ports, external, bound, background))
        for answer in bound.values():
            answer.result()

    def _bind_what_has_a_port(
        self, ports: partial, external: str, bound: dict[str, Future], background: Executor
    ) -> bool:
        """Have floating IPs made for the servers' ports that there are by now; whether somebody is to be waited for.

        ``bound`` are the answers by the port's id.
        """
        there = {port["id"] for port in ports() if port["device_owner"].startswith("compute:") and port["fixed_ips"]}
        for port in there - bound.keys():
            fact = {"floating_network_id": external, "port_id": port}
            bound[port] = background.submit(self._post("network", "/floatingips", "floatingip", fact))
        return len(bound) < len(self.students) or bool(
            self.cloud.list("compute", "/servers", "servers", status="BUILD")
        )

    def unchanged(self) -> None:
        """Look at each kind of resource once."""
        project = {"project_id": self.cloud.project_id}
        kinds = ("networks", "subnets", "routers", "ports", "floatingips")
        self.together(
            [
                *(self._get("network", f"/{kind}", kind, **project) for kind in kinds),
                self._get("network", "/security-groups", "security_groups", **project),
                self._get("compute", "/servers/detail", "servers"),
                self._get("image", "/images", "images", name=COHORT["bench_image"]),
            ]
        )

    def teardown(self) -> None:
        """Remove the cohort."""
        project = {"project_id": self.cloud.project_id}
        servers, addresses, subnets, networks, routers, groups = self.together(
            [
                self._get("compute", "/servers", "servers"),
                self._get("network", "/floatingips", "floatingips", **project),
                self._get("network", "/subnets", "subnets", **project),
                self._get("network", "/networks", "networks", **project),
                self._get("network", "/routers", "routers", **project),
                self._get("network", "/security-groups", "security_groups", name=NAME),
            ]
        )

        def delete(service: str, path: str, resources: list[dict]) -> list[partial]:
            return [partial(self.cloud.delete, service, f"{path}/{resource['id']}") for resource in resources]

        self.together([*delete("compute", "/servers", servers), *delete("network", "/floatingips", addresses)])
        self._wait(self._get("compute", "/servers", "servers"))
        detach = f"/routers/{routers[0]['id']}/remove_router_interface"
        self.cloud.call("network", "PUT", detach, {"subnet_id": subnets[0]["id"]})
        self.together(
            [
                *delete("network", "/routers", routers),
                *delete("network", "/networks", networks),
                *delete("network", "/security-groups", groups),
            ]
        )


def main(step: str, size: str, workers: str, *order: str) -> None:
    """Carry out one step."""
    cloud = Cloud(credentials(Path(os.environ["OS_CLIENT_CONFIG_FILE"]), os.environ["OS_CLOUD"]))
    getattr(Floor(cloud, int(size), int(workers), router_first="router-first" in order), step)()


if __name__ == "__main__":
    main(*sys.argv[1:])
