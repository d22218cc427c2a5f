# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A student's browser, as far as a Jupyter server can tell: its pages, its cookies, its web socket."""

from __future__ import annotations

import html.parser
import json
import re
import ssl
import time
import traceback
import typing as t
import uuid
from urllib.parse import urljoin, urlsplit

try:
    import requests
    import requests.certs
    import requests.cookies
except ImportError:
    requests = None
    REQUESTS_IMPORT_ERROR = traceback.format_exc()

try:
    import websocket
except ImportError:
    websocket = None
    WEBSOCKET_IMPORT_ERROR = traceback.format_exc()

#: Answers of a server or proxy that is starting or that throttles: worth asking again.
BUSY = frozenset({429, 502, 503, 504})
#: Answers of jupyter-server-proxy, too, while what it proxies does not listen yet.
STARTING = BUSY | {500}
#: Seconds to wait for a connection, and between two attempts.
CONNECT_TIMEOUT = 10
LONGEST_PAUSE = 5

_ORIGIN_HINT = "Jupyter refuses the Origin: does the proxy pass on Host as the browser sent it, the port included?"
_SOCKET_HINTS = {
    400: "does the proxy pass on the headers Upgrade and Connection?",
    403: _ORIGIN_HINT,
    404: "does the proxy pass on the path as it is?",
}


class ProbeError(Exception):
    """What was not as it should be, in words."""


class Deadline:
    """A moment that is a number of seconds away."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, what: str) -> float:
        """Seconds until then. Raises ProbeError when it has passed; `what` is what has not happened."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise ProbeError(f"{what} within {self.seconds:g} s")
        return left


class LoginForm(html.parser.HTMLParser):
    """The form with a password field in a page: `action` is None when there is no such form."""

    def __init__(self, page: str):
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._form: str | None = None
        self._hidden: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form, self._hidden = attributes.get("action", ""), {}
        elif tag == "input" and self._form is not None:
            if attributes.get("type") == "hidden" and "name" in attributes:
                self._hidden[attributes["name"]] = attributes.get("value", "")
            elif attributes.get("name") == "password" and self.action is None:
                self.action, self.fields = self._form, self._hidden  # later hidden fields of the form join them

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form, self._hidden = None, {}


class Browser:
    """One visitor with an own jar of cookies, at the Jupyter server with the base URL `url` (ends with a slash).

    `verify` is as for requests: True, False or the file of a CA. Methods raise ProbeError; they ask again while the
    server is busy or does not answer, until the deadline.
    """

    def __init__(self, url: str, deadline: Deadline, verify: bool | str = True):
        self.url = url
        self.deadline = deadline
        self._session = requests.Session()
        # Not as an attribute of the session: there the environment's REQUESTS_CA_BUNDLE would win over it.
        self._verify = self._session.merge_environment_settings(url, {}, None, verify, None)["verify"]

    def request(self, method: str, path: str, retried: t.Container[int] = BUSY, **options: t.Any) -> requests.Response:
        """The answer to one request, redirects followed; `path` is relative to the base URL."""
        url = urljoin(self.url, path)
        what, pause = "no answer", 1.0
        while True:
            left = self.deadline.left(f"{url}: {what}")
            try:
                timeout = (min(CONNECT_TIMEOUT, left), left)
                answer = self._session.request(method, url, timeout=timeout, verify=self._verify, **options)
            except requests.exceptions.SSLError as error:
                reason = _root_cause(error)
                raise ProbeError(
                    f"{url}: the certificate is not trusted ({reason}); give its CA in 'ca_path'"
                ) from None
            except (requests.ConnectionError, requests.Timeout) as error:
                what, wanted = f"no answer ({_root_cause(error)})", ""
            except requests.RequestException as error:
                raise ProbeError(f"{url}: {error}") from None
            else:
                if answer.status_code not in retried:
                    return answer
                what, wanted = f"only HTTP {answer.status_code} {answer.reason}", answer.headers.get("Retry-After", "")
            pause = min(pause * 1.5, LONGEST_PAUSE)
            time.sleep(min(float(wanted) if wanted.isdigit() else pause, self.deadline.left(f"{url}: {what}")))

    def login_page(self) -> requests.Response:
        """The page that a visitor who has not logged in gets at the base URL; it has a login form."""
        page = self.request("GET", "")
        if page.status_code != 200:
            raise ProbeError(f"{page.url} answers HTTP {page.status_code} {page.reason}")
        self.url = urljoin(page.url, urlsplit(self.url).path)  # http may have become https
        action = LoginForm(page.text).action
        if action is None:
            raise ProbeError(f"{page.url} asks for no password")
        base = urlsplit(self.url).path
        path = urlsplit(urljoin(page.url, action)).path
        if path != f"{base}login":
            raise ProbeError(f"the login form sends the password to {path} instead of {base}login")
        return page

    def login(self, password: str) -> requests.Response:
        """Fills in the login form and sends it; gives the page after that."""
        page = self.login_page()
        form = LoginForm(page.text)
        fields = {**form.fields, "password": password}
        answer = self.request("POST", urljoin(page.url, form.action), data=fields, headers=self._same_origin())
        if answer.request.method == "POST" and answer.status_code == 404:
            raise ProbeError(f"the login is refused with HTTP 404: {_ORIGIN_HINT}")
        return answer

    def may_use_the_api(self) -> bool:
        """Whether the server lets this visitor see the kernels."""
        return self.serves("api/kernels")

    def serves(self, path: str, retried: t.Container[int] = BUSY) -> bool:
        """Whether this visitor gets the page at `path`; False when a login is asked for instead."""
        answer = self.request("GET", path, retried)
        if answer.status_code in (401, 403) or urlsplit(answer.url).path == urlsplit(self.url).path + "login":
            return False
        if answer.status_code == 200:
            return True
        raise ProbeError(f"{answer.url} answers HTTP {answer.status_code} {answer.reason}")

    def run(self, code: str, kernel_name: str = "") -> str:
        """What `code` prints and evaluates to in a kernel started for it, which is deleted afterwards.

        Without a name, the kernel is the server's default one.
        """
        wanted = {"name": kernel_name} if kernel_name else {}
        # A gateway's timeout may have started one all the same: ask again only where none was started.
        started = self.request("POST", "api/kernels", {429, 503}, json=wanted, headers=self._same_origin())
        if started.status_code != 201:
            raise ProbeError(
                f"starting a kernel gives HTTP {started.status_code} {started.reason}: {started.text[:200]}"
            )
        kernel = f"api/kernels/{started.json()['id']}"
        try:
            return self._run_in(kernel, code)
        finally:
            # Also when the time for the probe is over
            deadline, self.deadline = self.deadline, Deadline(CONNECT_TIMEOUT)
            self.request("DELETE", kernel, headers=self._same_origin())
            self.deadline = deadline

    def _run_in(self, kernel: str, code: str) -> str:
        session = uuid.uuid4().hex
        socket = self._open_socket(f"{kernel}/channels?session_id={session}")
        try:
            self._converse(socket, session, "kernel_info_request", {})
            request = {"code": code, "silent": False, "allow_stdin": False}
            messages = self._converse(socket, session, "execute_request", request)
        except websocket.WebSocketTimeoutException:
            raise ProbeError(f"the kernel has not answered within {self.deadline.seconds:g} s") from None
        except (websocket.WebSocketException, OSError) as error:
            raise ProbeError(f"the web socket broke: {error}") from None
        finally:
            socket.close(timeout=1)
        output = []
        for message in messages:
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "error":
                raise ProbeError(f"the code fails with {content['ename']}: {content['evalue']}")
            if kind == "stream":
                output.append(content["text"])
            elif kind in ("execute_result", "display_data"):
                output.append(content["data"].get("text/plain", ""))
        return "".join(output)

    def _open_socket(self, path: str) -> websocket.WebSocket:
        url = urljoin(self.url, path)
        cookies = requests.cookies.get_cookie_header(self._session.cookies, requests.Request("GET", url).prepare())
        try:
            return websocket.create_connection(
                url.replace("http", "ws", 1),
                timeout=self.deadline.left("the web socket was not opened"),
                cookie=cookies,
                origin=self._origin(),
                sslopt=self._socket_tls(),
            )
        except websocket.WebSocketBadStatusException as error:
            hint = _SOCKET_HINTS.get(error.status_code, "")
            raise ProbeError(f"the web socket is refused with HTTP {error.status_code}{hint and f': {hint}'}") from None
        except (websocket.WebSocketException, OSError) as error:
            raise ProbeError(f"the web socket cannot be opened: {error}") from None

    def _converse(self, socket: websocket.WebSocket, session: str, kind: str, content: dict[str, t.Any]) -> list[dict]:
        """Sends a request to the kernel; gives every message it causes, up to the reply and to being idle again."""
        message_id = uuid.uuid4().hex
        header = {"msg_id": message_id, "session": session, "username": "", "msg_type": kind, "version": "5.3"}
        request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        socket.send(json.dumps({**request, "buffers": []}))
        messages, replied, idle = [], False, False
        while not (replied and idle):
            socket.settimeout(self.deadline.left("the kernel has not answered"))
            text = socket.recv()
            if not text:
                raise websocket.WebSocketConnectionClosedException("closed by the server")
            message = json.loads(text)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            messages.append(message)
            replied = replied or message["header"]["msg_type"] == kind.replace("_request", "_reply")
            idle = idle or message["content"].get("execution_state") == "idle"
        return messages

    def _origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def _same_origin(self) -> dict[str, str]:
        """The headers of a request that a script of Jupyter's own page makes."""
        headers = {"Origin": self._origin(), "Referer": self.url}
        tokens = [cookie.value for cookie in self._session.cookies if cookie.name == "_xsrf"]
        return {**headers, "X-XSRFToken": tokens[-1]} if tokens else headers

    def _socket_tls(self) -> dict[str, t.Any]:
        if self._verify is False:
            return {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
        return {"ca_certs": requests.certs.where() if self._verify is True else self._verify}


def _root_cause(error: Exception) -> str:
    """What the operating system says, out of the objects that requests and urllib3 wrap around it."""
    found = re.search(r"\[Errno -?\d+\] ([^')\"]+)|verify failed: ([^(]+)|(timed out)", str(error))
    return next(filter(None, found.groups())).strip() if found else type(error).__name__
