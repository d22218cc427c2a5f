"""Bare requests: one login, JSON over connections that are kept, nothing else.

The floor is made of it, and the benchmark's own housekeeping. It is small on purpose: a process that starts another
hands its own size down to the other's peak memory.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

# Version of the API where the catalogue names none
VERSIONS = {"compute": "/v2.1", "network": "/v2.0", "image": "/v2"}
TIMEOUT = 120  # seconds for one request


class Refused(Exception):
    """The cloud's answer was an error; ``status`` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Cloud:
    """A project on a cloud, logged in by name and password."""

    def __init__(self, auth: dict[str, str]) -> None:
        """Log in with the ``auth`` of an entry of clouds.yaml. Raises Refused, OSError."""
        self._kept = threading.local()
        self._endpoints = {"identity": auth["auth_url"]}
        domain = {"name": auth.get("user_domain_name", "Default")}
        user = {"name": auth["username"], "password": auth["password"], "domain": domain}
        project = {"name": auth["project_name"], "domain": {"name": auth.get("project_domain_name", "Default")}}
        identity = {"methods": ["password"], "password": {"user": user}}
        self._login_body = {"auth": {"identity": identity, "scope": {"project": project}}}
        granted = self._login()
        self.project_id = granted["project"]["id"]
        for service in granted["catalog"]:
            if service["type"] != "identity":
                url = next(endpoint["url"] for endpoint in service["endpoints"] if endpoint["interface"] == "public")
                version = VERSIONS.get(service["type"], "")
                self._endpoints[service["type"]] = url if url.endswith(version) else url + version

    def _login(self) -> dict[str, Any]:
        self._token = ""
        response, text = self._send("identity", "POST", "/auth/tokens", self._login_body)
        if response.status >= 400:
            raise Refused(response.status, f"HTTP {response.status} to the login: {text.decode()[:300]}")
        self._token = response.headers["X-Subject-Token"]
        return json.loads(text)["token"]

    def call(self, service: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request, and another after a new login when the old one has expired; {} when the answer is empty.

        Raises Refused, OSError.
        """
        response, text = self._send(service, method, path, body)
        if response.status == 401:
            self._login()
            response, text = self._send(service, method, path, body)
        if response.status >= 400:
            said = f"HTTP {response.status} to {method} {service} {path}: {text.decode()[:300]}"
            raise Refused(response.status, said)
        return json.loads(text) if text else {}

    def _send(self, service: str, method: str, path: str, body: Any) -> tuple[http.client.HTTPResponse, bytes]:
        url = urlsplit(self._endpoints[service] + path)
        target = url.path + (f"?{url.query}" if url.query else "")
        headers = {"Accept": "application/json", "Content-Type": "application/json", "X-Auth-Token": self._token}
        return self._exchange(url.netloc, method, target, json.dumps(body) if body else None, headers)

    def _exchange(self, host: str, *request: Any) -> tuple[http.client.HTTPResponse, bytes]:
        connections = vars(self._kept)
        reused = host in connections
        connection = connections.setdefault(host, http.client.HTTPConnection(host, timeout=TIMEOUT))
        try:
            connection.request(*request)
            response = connection.getresponse()
            return response, response.read()
        except BaseException as error:
            # Also after Ctrl-C: half-way through an exchange it can't be used again
            connection.close()
            del connections[host]
            if reused and isinstance(error, ConnectionError | http.client.BadStatusLine):  # the server had closed it
                return self._exchange(host, *request)
            raise

    def list(self, service: str, path: str, key: str, **query: str) -> list[dict[str, Any]]:
        """A collection, in one request: the dev cloud's pages are long enough."""
        return self.call(service, "GET", f"{path}?{urlencode(query)}" if query else path)[key]

    def delete(self, service: str, path: str) -> None:
        """Delete; what is gone already is no error."""
        try:
            self.call(service, "DELETE", path)
        except Refused as error:
            if error.status != 404:
                raise


def credentials(clouds: Path, name: str) -> dict[str, str]:
    """The ``auth`` of an entry of clouds.yaml. Raises OSError, KeyError."""
    return yaml.safe_load(clouds.read_text())["clouds"][name]["auth"]


def concurrently(function: Callable[[Any], Any], items: Iterable[Any], workers: int) -> list[Any]:
    """Results of ``function`` for each item, in order, ``workers`` at a time."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))
