"""`python -m bench.proxy`: a service behind the role nginx_proxy, asked directly and through nginx.

usage: python -m bench.proxy [--rounds 10] [--seconds 2] [--report docs/performance-proxy.md]

Runs as root on a machine with podman and wrk (both from Debian) that does nothing else. It takes the host of the
scenario `molecule/nginx_proxy`, which stays (`molecule destroy -s nginx_proxy` removes it), and asks from within the
host's own network, so that the way is the same with and without nginx. The service does next to nothing (it tells what
it was asked), so that nginx weighs as much as it can. The ways are taken in turns. A figure is the median of the
rounds, a ratio the median of the ratios in each round, which what else the machine does disturbs less.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import websocket

REPOSITORY = Path(__file__).parents[1]
SCENARIO = "nginx_proxy"
NAMESPACE = "cvm-mol-nginx-proxy"
WAYS = {
    "direct": "http://127.0.0.1:8042/course/api",
    "nginx": "http://127.0.0.1/course/api",
    "nginx, HTTPS": "https://127.0.0.1/course/api",
}
CONNECTIONS = (1, 16)
ROUND_TRIPS = 1000
SECONDS_PER = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


class ProxyBenchError(Exception):
    """Why nothing can be measured, in words."""


@dataclass(frozen=True)
class Figure:
    """What was measured on one way in one round."""

    way: str
    what: str
    unit: str
    value: float


def load_figures(way: str, connections: int, said: str) -> list[Figure]:
    """What wrk says. ProxyBenchError when a request was lost or refused: the rest would be worth nothing."""
    if lost := re.search(r"(Socket errors|Non-2xx).*", said):
        raise ProxyBenchError(f"{way}, {connections} connections: {lost.group()}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    latency = dict(re.findall(r"^\s+(50|99)%\s+([\d.]+[a-z]+)$", said, re.MULTILINE))
    if not rate or latency.keys() != {"50", "99"}:
        raise ProxyBenchError(f"{way}: wrk says neither rate nor latency: {said}")
    at = f"{connections} at a time"
    return [
        Figure(way, f"requests, {at}", "1/s", float(rate.group(1))),
        Figure(way, f"median latency, {at}", "ms", 1000 * seconds(latency["50"])),
        Figure(way, f"p99 latency, {at}", "ms", 1000 * seconds(latency["99"])),
    ]


def seconds(text: str) -> float:
    """The seconds in wrk's notation, such as 12.30ms."""
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()
    return float(number) * SECONDS_PER[unit]


def table(figures: Iterable[Figure]) -> str:
    """A row for each thing measured: the median, and how many times as much it is as directly, in the median round."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for figure in figures:
        found.setdefault((figure.what, figure.unit), {}).setdefault(figure.way, []).append(figure.value)
    others = [way for way in WAYS if way != "direct"]
    lines = [
        f"| | direct | {' | '.join(f'{way} | ratio' for way in others)} |",
        f"|---|{'---:|' * (1 + 2 * len(others))}",
    ]
    for (what, unit), by_way in found.items():
        cells = [f"{median(by_way['direct']):.4g}"]
        for way in others:
            ratios = [ours / direct for ours, direct in zip(by_way[way], by_way["direct"], strict=True)]
            cells += [f"{median(by_way[way]):.4g}", f"{median(ratios):.2f}"]
        lines.append(f"| {what}, {unit} | {' | '.join(cells)} |")
    return "\n".join(lines)


def page(figures: Iterable[Figure], facts: dict[str, str]) -> str:
    """The whole report."""
    return "\n\n".join(
        [
            "# What nginx costs",
            "Written by `python -m bench.proxy`; run it again instead of changing this page. "
            "What is measured, and how: [bench/proxy.py](../bench/proxy.py).",
            "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())]),
            table(figures) + "\n",
        ]
    )


def ask(way: str, connections: int, duration: int) -> list[Figure]:
    """Have wrk send requests, as many at a time as there are connections."""
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{duration}s", "--latency"]
    done = subprocess.run([*command, WAYS[way]], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProxyBenchError(f"wrk fails: {(done.stderr or done.stdout).strip()}")
    return load_figures(way, connections, done.stdout)


def round_trips(way: str) -> list[Figure]:
    """Say something over a web socket and wait until it is repeated, time and again."""
    url = WAYS[way].replace("http", "ws", 1)
    unverified = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}  # it is its own, and is measured only
    socket = websocket.create_connection(url, timeout=10, sslopt=unverified)
    socket.recv()
    taken = []
    for number in range(ROUND_TRIPS):
        start = time.perf_counter()
        socket.send(str(number))
        if socket.recv() != str(number):
            raise ProxyBenchError(f"{way}: message {number} was lost")
        taken.append(1000 * (time.perf_counter() - start))
    socket.close()
    what = "web socket round trip"
    return [
        Figure(way, f"{what}, median", "ms", median(taken)),
        Figure(way, f"{what}, p99", "ms", quantiles(taken, n=100)[-1]),
    ]


def measure(rounds: int, duration: int) -> list[Figure]:
    """All figures of all rounds."""
    figures = []
    for number in range(1, rounds + 1):
        for connections in CONNECTIONS:
            for way in WAYS:
                figures += ask(way, connections, duration)
        for way in WAYS:
            figures += round_trips(way)
        print(f"round {number} of {rounds}", file=sys.stderr)
    return figures


def main() -> int:
    """Provide the host, then run once more within its network and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=2, help="how long wrk asks, each time")
    parser.add_argument("--report", type=Path, default=REPOSITORY / "docs/performance-proxy.md")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        print("wrk is missing: apt-get install wrk", file=sys.stderr)
        return 2
    if not arguments.inside:
        programs = Path(sys.executable).parent
        # molecule calls ansible-config by its name
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        molecule = [programs / "molecule", "converge", "--scenario-name", SCENARIO]
        if subprocess.run(molecule, cwd=REPOSITORY, env=environment, check=False).returncode:
            print("molecule could not provide the host: see above.", file=sys.stderr)
            return 1
        inside = ["ip", "netns", "exec", NAMESPACE, sys.executable, "-m", "bench.proxy", "--inside", *sys.argv[1:]]
        return subprocess.run(inside, check=False).returncode
    facts = {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, shared by wrk, nginx and the service",
        "load of the machine before, 1 minute": f"{os.getloadavg()[0]:.1f}",
        "rounds": f"{arguments.rounds}, {arguments.seconds} s for each figure of requests, "
        f"{ROUND_TRIPS} messages for each of web sockets",
    }
    try:
        figures = measure(arguments.rounds, arguments.seconds)
    except (ProxyBenchError, OSError, websocket.WebSocketException) as error:
        print(error, file=sys.stderr)
        return 1
    arguments.report.write_text(page(figures, facts), encoding="utf-8")
    print(table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
