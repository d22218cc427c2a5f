# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way to the cloud: connection options, requests, retries, and one type of error.

openstacksdk reads clouds.yaml and the environment, logs in and keeps the session. The requests themselves are made
on that session, straight to the endpoints of the service catalogue: version discovery would double their number.
"""

from __future__ import annotations

import logging
import math
import os
import re
import threading
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar

from ansible_collections.ouseful.coursevm.plugins.module_utils.lazily import lazily
from ansible_collections.ouseful.coursevm.plugins.module_utils.suggest import closest

try:
    lazily("openstack", runs_for={"connection"})  # the client of every service: half of the time of the import
    import openstack.config
    import yaml
    from keystoneauth1 import exceptions as ksa_exceptions
    from openstack import exceptions as sdk_exceptions
    from openstack.config.loader import OpenStackConfig

    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

CONNECTION_ARGUMENTS = {
    "cloud": {"type": "str"},
    "auth": {"type": "dict", "no_log": True},
    "auth_type": {"type": "str"},
    "region_name": {"type": "str"},
    "interface": {"type": "str", "choices": ["public", "internal", "admin"], "aliases": ["endpoint_type"]},
    "validate_certs": {"type": "bool", "aliases": ["verify"]},
    "ca_cert": {"type": "str", "aliases": ["cacert"]},
    "client_cert": {"type": "str", "aliases": ["cert"]},
    "client_key": {"type": "str", "no_log": True, "aliases": ["key"]},
    "api_timeout": {"type": "int"},
}

# Path of the API version to use, where the catalogue's endpoint has none.
API_PATHS = {"compute": "v2.1", "network": "v2.0", "image": "v2", "block-storage": "v3"}
# Stein (2019): tags with the creation (2.52), flavor by name in a server's details (2.47).
COMPUTE_MICROVERSION = "2.72"
# Ussuri (2020): a volume's delete_on_termination can be changed.
VOLUME_MICROVERSION = "2.85"
RELEASES = {COMPUTE_MICROVERSION: "Stein", VOLUME_MICROVERSION: "Ussuri"}

Result = TypeVar("Result")

_is_polling: ContextVar[bool] = ContextVar("is_polling", default=False)

# What keystoneauth has to say is said in this module's errors; on stderr it would only spoil the module's answer.
logging.getLogger("keystoneauth").addHandler(logging.NullHandler())

# Seconds for one request, where nobody says.
API_TIMEOUT = 60
ATTEMPTS = 5
LOGIN_ATTEMPTS = 3
RETRIED = {429, 500, 502, 503, 504}
# Seconds; a Retry-After beyond that is an error to report, not a reason to sit there.
LONGEST_PAUSE = 120


class CloudError(Exception):
    """Anything that went wrong with the cloud, in words for the person who runs the playbook.

    ``status`` is the HTTP status, None when there was no answer. ``lost`` tells that a creating request may have been
    carried out although its answer was not received; ``timed_out`` that it may still be going on. ``passing`` tells
    that the same may be asked for again, after ``retry_after`` seconds where the cloud says so.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        *,
        lost: bool = False,
        timed_out: bool = False,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.lost = lost
        self.timed_out = timed_out
        self.passing = passing
        self.retry_after = retry_after

    @property
    def is_quota(self) -> bool:
        """Whether a quota is used up: trying again would not help."""
        return _is_quota(self.status, str(self))


class Cloud:
    """A project on a cloud, logged in. Counts every HTTP request it makes (``requests``).

    ``polls`` are those among them that only look how far the cloud or another run is.
    """

    def __init__(self, parameters: dict[str, Any]) -> None:
        """Log in with the module parameters named in CONNECTION_ARGUMENTS.

        Raises CloudError when the settings are wrong or incomplete, or the cloud can't be reached.
        """
        self.requests = self.polls = 0
        self._date = None
        self._count_lock = threading.Lock()
        region = _read_settings(parameters)
        self.name = region.name if region.name != "defaults" else "given by auth"
        self._region = region
        self._auth_url = (region.config.get("auth") or {}).get("auth_url")
        self._session = region.get_session()
        self._session.timeout = self._session.timeout or API_TIMEOUT
        self._session.session.hooks["response"].append(self._count)
        self._access = _patiently(self._log_in, LOGIN_ATTEMPTS)
        self.project_id = self._access.project_id
        self.project_name = self._access.project_name
        self.user_name = self._access.username
        self.roles = tuple(self._access.role_names)
        self._endpoints = {}

    def _count(self, response: Any, *args: Any, **kwargs: Any) -> None:
        with self._count_lock:
            self.requests += 1
            self.polls += _is_polling.get()
            self._date = response.headers.get("Date") or self._date

    def now(self) -> datetime:
        """When the last answer came, by the cloud's own clock where it tells it."""
        return parsedate_to_datetime(self._date) if self._date else datetime.now(UTC)

    def seconds_since(self, created_at: str | None) -> float:
        """Seconds from a ``created_at`` until the last answer; endless when there is none."""
        return (self.now() - moment(created_at)).total_seconds() if created_at else math.inf

    def _log_in(self) -> Any:
        try:
            return self._region.get_auth().get_access(self._session)
        except Exception as error:
            raise self._login_error(error) from error

    def _login_error(self, error: Exception) -> CloudError:
        where = f"the identity service of cloud '{self.name}' at {self._auth_url}"
        if isinstance(error, ksa_exceptions.Unauthorized):
            who = (self._region.config.get("auth") or {}).get("username") or "the given credential"
            return CloudError(
                f"{where[0].upper()}{where[1:]} refused {who}: wrong user name, password, domain or project. "
                f"Check the entry '{self.name}' of clouds.yaml.",
                status=401,
            )
        if isinstance(error, ksa_exceptions.SSLError):
            return CloudError(
                f"The certificate of {where} is not trusted: {_short(error)}. "
                "Give the CA's file in ca_cert (or cacert in clouds.yaml)."
            )
        if isinstance(error, ksa_exceptions.ConnectionError | ksa_exceptions.DiscoveryFailure):
            return CloudError(
                f"Cannot reach {where}: {_short(error)}. Check auth_url, and that this machine may connect to it.",
                # Who waited for a time-out, which a firewall makes, isn't kept waiting for another.
                passing=not isinstance(error, ksa_exceptions.ConnectTimeout),
            )
        if isinstance(error, ksa_exceptions.InvalidResponse):
            return CloudError(
                f"The answer of {where} cannot be understood. Check that auth_url is the identity service's.",
                passing=True,  # it may have been cut off on its way
            )
        status, response = getattr(error, "http_status", None), getattr(error, "response", None)
        return CloudError(
            f"Logging in at {where} failed: {_short(error)}",
            status,
            passing=status in RETRIED,
            retry_after=None if response is None else _retry_after(response),
        )

    def endpoint(self, service: str) -> str:
        """URL of a service (one of API_PATHS) with its API version, without a slash at the end."""
        if service not in self._endpoints:
            url = self._region.get_endpoint(service) or self._access.service_catalog.url_for(
                service_type=service,
                interface=self._region.get_interface(service),
                region_name=self._region.get_region_name(service) or None,
                service_name=self._region.get_service_name(service),
            )
            url = url.rstrip("/")
            if service == "compute":  # to a request for the old version Nova doesn't apply microversions
                url = re.sub(r"/v2(?=/|$)", "/v2.1", url)
            if not re.search(r"/v\d", url.partition("://")[2]):
                url = f"{url}/{API_PATHS[service]}"
            self._endpoints[service] = url
        return self._endpoints[service]

    def request(
        self,
        service: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        file: BinaryIO | None = None,
        query: Any = None,
        content_type: str | None = None,
        timeout: float | None = None,
        missing_ok: bool = False,
        microversion: str = COMPUTE_MICROVERSION,
    ) -> dict[str, Any]:
        """Make one request and return the JSON answer ({} when it is empty).

        What is sent is ``body`` as JSON or the content of ``file``, as ``content_type``; ``timeout`` is in seconds.
        The ``microversion`` (one of RELEASES) is Nova's.

        What can be repeated safely is repeated with growing pauses on connection errors, 429 and 5xx, as long as
        Retry-After asks. A POST is repeated only on 429; otherwise its error says that it may have been carried out
        (``lost``). A file is sent once. With ``missing_ok`` a 404 is no error.
        """
        content_type = {"Content-Type": content_type} if content_type else {}
        sending = {"json": body, "params": query, "headers": {"Accept": "application/json", **content_type}}
        sending["microversion"] = microversion if service == "compute" else None
        # keystoneauth takes these two only with a value
        sending |= {key: value for key, value in (("data", file), ("timeout", timeout)) if value is not None}

        def once() -> dict[str, Any]:
            response = self._send(service, method, path, sending)
            if missing_ok and response.status_code == 404:
                return {}
            if response.status_code >= 400:
                raise self._refusal(service, method, path, response, microversion)
            try:
                return response.json() if response.content else {}
            except ValueError as error:
                raise self._no_answer(service, method, path, "what came is no JSON") from error

        return _patiently(once, 1 if file else ATTEMPTS)

    def _send(self, service: str, method: str, path: str, sending: dict[str, Any]) -> Any:
        try:
            url = path if "://" in path else self.endpoint(service) + path
            return self._session.request(
                url,
                method,
                raise_exc=False,
                authenticated=True,
                connect_retries=0,
                endpoint_filter={"service_type": service},
                **sending,
            )
        except ksa_exceptions.EndpointNotFound as error:
            endpoints = self._access.service_catalog.get_endpoints().values()
            regions = sorted({endpoint["region_id"] for group in endpoints for endpoint in group})
            raise CloudError(
                f"Cloud '{self.name}' has no {service} service in region "
                f"'{self._region.get_region_name(service)}'. Its regions: {', '.join(regions) or 'none'}."
            ) from error
        except ksa_exceptions.Unauthorized as error:
            raise CloudError(f"Cloud '{self.name}' refused the login: {_short(error)}", status=401) from error
        except ksa_exceptions.SSLError as error:  # which is a ConnectionError, too
            raise CloudError(
                f"The certificate of {self.endpoint(service)} is not trusted: {_short(error)}. "
                "Give the CA's file in ca_cert (or cacert in clouds.yaml)."
            ) from error
        except ksa_exceptions.ConnectionError as error:
            timed_out = isinstance(error, ksa_exceptions.ConnectTimeout)
            raise self._no_answer(service, method, path, _short(error), timed_out=timed_out) from error
        except ksa_exceptions.ClientException as error:  # of a new token, when the first has expired
            raise CloudError(f"Cloud '{self.name}' gave no new token: {_short(error)}") from error

    def _where(self, service: str, method: str, path: str) -> str:
        return f"the {service} service of cloud '{self.name}' ({method} {self.endpoint(service)}{path})"

    def _no_answer(self, service: str, method: str, path: str, reason: str, *, timed_out: bool = False) -> CloudError:
        lost = method == "POST"
        message = f"No answer from {self._where(service, method, path)}: {reason}"
        return CloudError(message, lost=lost, timed_out=timed_out, passing=not lost)

    def _refusal(self, service: str, method: str, path: str, response: Any, microversion: str) -> CloudError:
        status = response.status_code
        text = _message_of(response)
        lost = method == "POST" and status in RETRIED - {429}
        if status == 406 and service == "compute":
            text = f"compute API {microversion} is needed (OpenStack {RELEASES[microversion]} or newer): {text}"
        if _is_quota(status, text):
            return CloudError(f"A quota of the project is used up: {text}", status)
        if status == 403:
            text = f"the project's user may not do this: {text}"
        where = self._where(service, method, path)
        return CloudError(
            f"HTTP {status} from {where}: {text}",
            status,
            lost=lost,
            timed_out=status == 504,
            passing=status in RETRIED and not lost,
            retry_after=_retry_after(response),
        )

    def get(self, service: str, path: str, query: Any = None, missing_ok: bool = False) -> dict[str, Any]:
        """One GET request."""
        return self.request(service, "GET", path, query=query, missing_ok=missing_ok)

    def list(self, service: str, path: str, key: str, query: Any = None) -> list[dict[str, Any]]:
        """All entries of a collection: one request, and one more for each further page where the cloud pages."""
        found = []
        while path:
            answer = self.get(service, path, query)
            found += answer[key]
            path, query = self._next_page(service, answer, key), None
        return found

    def poll(self, look: Callable[[], Result]) -> Result:
        """What ``look`` returns; the requests that it makes count as polls, too."""
        token = _is_polling.set(True)
        try:
            return look()
        finally:
            _is_polling.reset(token)

    def _next_page(self, service: str, answer: dict[str, Any], key: str) -> str | None:
        if answer.get("next"):  # Glance: a path from the root of the server
            return self.endpoint(service) + re.sub(r"^/v\d+", "", answer["next"])
        return next((link["href"] for link in answer.get(f"{key}_links", []) if link["rel"] == "next"), None)

    def post(self, service: str, path: str, body: Any) -> dict[str, Any]:
        """One POST request; see ``request`` for what happens when its answer is lost."""
        return self.request(service, "POST", path, body=body)

    def put(self, service: str, path: str, body: Any, microversion: str = COMPUTE_MICROVERSION) -> dict[str, Any]:
        """One PUT request."""
        return self.request(service, "PUT", path, body=body, microversion=microversion)

    def delete(self, service: str, path: str) -> None:
        """One DELETE request; what is gone already is no error."""
        self.request(service, "DELETE", path, missing_ok=True)


def moment(text: str) -> datetime:
    """A moment as OpenStack writes it (ISO 8601); in UTC, which not every service adds."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _is_quota(status: int | None, text: str) -> bool:
    # Nova says "Maximum number of ports exceeded" when it is Neutron's quota
    return status in (403, 409, 413) and re.search("uota|Maximum number of .* exceeded", text) is not None


def _patiently(ask: Callable[[], Result], attempts: int) -> Result:
    """What ``ask`` returns; asked again, after growing pauses, as long as its error is a passing one."""
    pause = least = 1.0
    for attempt in range(1, attempts + 1):
        try:
            return ask()
        except CloudError as error:
            pause = max(least, pause if error.retry_after is None else error.retry_after)
            if attempt == attempts or not error.passing or pause > LONGEST_PAUSE:
                raise
        time.sleep(pause)
        pause, least = 2 * pause, 2 * least
    raise AssertionError("unreachable")


def _read_settings(parameters: dict[str, Any]) -> Any:
    """Read clouds.yaml, the environment and the parameters into openstacksdk's CloudRegion."""
    options = {
        "auth": parameters.get("auth"),
        "auth_type": parameters.get("auth_type"),
        "region_name": parameters.get("region_name"),
        "interface": parameters.get("interface"),
        "verify": parameters.get("validate_certs"),
        "cacert": parameters.get("ca_cert"),
        "cert": parameters.get("client_cert"),
        "key": parameters.get("client_key"),
        "api_timeout": parameters.get("api_timeout"),
    }
    options = {name: value for name, value in options.items() if value is not None}
    cloud = parameters.get("cloud")
    config = None
    try:
        # Credentials given to the module alone must not be mixed with those of whatever cloud is in clouds.yaml.
        config = OpenStackConfig(load_yaml_config=bool(cloud or not options.get("auth")), app_name="ouseful.coursevm")
        if cloud is None and not options.get("auth") and config.default_cloud in (None, "defaults"):
            known = ", ".join(sorted(config.get_cloud_names())) or "none"
            raise CloudError(f"No cloud is named: give the option cloud or set OS_CLOUD. {_looked(config, known)}")
        region = config.get_one(cloud=cloud, **options)
        return config.get_one(cloud=cloud, **_versioned_login(region, options))
    except yaml.YAMLError as error:  # newer versions of openstacksdk take such a file as none
        raise CloudError(_looked(None, "none")) from error
    except sdk_exceptions.ConfigException as error:
        if config is None:
            raise CloudError(f"The cloud settings are not usable: {_short(error)}") from error
        wanted = cloud or config.default_cloud
        names = [name for name in config.get_cloud_names() if name != "defaults"]
        if wanted in names:
            raise CloudError(f"The settings of cloud '{wanted}' are not usable: {_short(error)}") from error
        near = closest(wanted, names)
        guess = f"; closest: {', '.join(near)}" if near else ""
        looked = _looked(config, ", ".join(sorted(names)))
        raise CloudError(f"No cloud is called '{wanted}'{guess}. {looked}") from error
    except (ksa_exceptions.ClientException, TypeError, ValueError) as error:
        wanted = cloud or (config and config.default_cloud) or "given by auth"
        raise CloudError(f"The settings of cloud '{wanted}' are incomplete or wrong: {_short(error)}") from error


def _versioned_login(region: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Ask for Identity v3 by name, which is the only one left since 2018: saves the discovery request of each login."""
    auth = region.config.get("auth") or {}
    has_domain = any(auth.get(key) for key in ("user_domain_id", "user_domain_name", "user_id"))
    url = (auth.get("auth_url") or "").rstrip("/")
    if region.config.get("auth_type") != "password" or not has_domain or not url or re.search(r"/v2", url):
        return options
    url = url if url.endswith("/v3") else f"{url}/v3"
    return {**options, "auth_type": "v3password", "auth": {**options.get("auth", {}), "auth_url": url}}


def _looked(config: Any, known: str) -> str:
    """Where the settings were looked for, and what is there; without ``config`` no file could be read."""
    if config and config.config_filename:
        return f"{config.config_filename} has: {known}."
    override = os.environ.get("OS_CLIENT_CONFIG_FILE")
    paths = [override] if override else []
    paths += dict.fromkeys(path for path in openstack.config.loader.CONFIG_FILES if path.endswith(".yaml"))
    described = [f"{path} (is there, but can't be read as YAML)" if os.path.exists(path) else path for path in paths]
    return f"There is no clouds.yaml; looked for {', '.join(described)}."


def _retry_after(response: Any) -> float | None:
    """Seconds that the cloud asks to wait, from a number or a date."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _message_of(response: Any) -> str:
    """The sentence in an OpenStack error answer; each service wraps it in its own way."""
    try:
        answer = response.json()
    except ValueError:
        text = re.sub(r"<[^>]+>", " ", response.text)
        return " ".join(text.split())[:300] or response.reason
    while isinstance(answer, dict):
        answer = answer.get("message") or answer.get("NeutronError") or next(iter(answer.values()), "")
    return str(answer)


def _short(error: Exception) -> str:
    """What an exception says, without the nested Python objects that requests and urllib3 put into it."""
    text = str(error)
    reason = re.search(r"\[Errno -?\d+\] ([^')\"]+)|(Read timed out|timed out|certificate verify failed[^')]*)", text)
    if reason:
        return (reason.group(1) or reason.group(2)).strip()
    return text.split(": HTTP", maxsplit=1)[0].strip().rstrip(".")
