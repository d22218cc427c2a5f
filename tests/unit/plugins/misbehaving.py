"""An HTTP server that answers as a test tells it, so that the ways in which clouds fail can be had at will."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud

DROP = "close the connection without an answer"


class Misbehaving(BaseHTTPRequestHandler):
    """Answers /v3/auth/tokens as Keystone does, and everything else from the server's list of answers."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        """Answer any request."""
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        if self.path == "/v3/auth/tokens" and not self.server.logins:
            password = body["auth"]["identity"]["password"]["user"]["password"]
            self.send(*((201, self.server.token()) if password == "right" else (401, {"error": {"message": "no"}})))
            return
        self.server.seen.append((self.command, self.path, body))
        answer = (self.server.logins if self.path == "/v3/auth/tokens" else self.server.answers).pop(0)
        status, *rest = answer(self.command, body) if callable(answer) else answer
        if status == DROP:
            self.close_connection = True
            return
        self.send(status, *rest)

    def send(self, status, body=None, headers=None):
        """Send an answer."""
        content = body.encode() if isinstance(body, str) else json.dumps(body or {}).encode()
        self.send_response_only(status)
        for name, value in {"X-Subject-Token": "t", "Content-Length": len(content), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def log_message(self, *args):
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """The server with its list of answers to come and of requests seen; ``logins`` come before a right one.

    An answer that is a function is called with the request's method and body, and may take its time.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Misbehaving)
        self.answers = []
        self.logins = []
        self.seen = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def auth(self, password="right"):
        """What a clouds.yaml says under ``auth`` to log in."""
        return {
            "auth_url": self.url,
            "username": "u",
            "password": password,
            "project_name": "p",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }

    def token(self):
        """The body of a token, with the catalogue."""
        paths = {"network": "/net", "compute": "/compute/v2.1", "image": "/img"}
        catalog = [
            {
                "type": kind,
                "name": kind,
                "endpoints": [{"interface": "public", "region_id": "R", "region": "R", "url": f"{self.url}{path}"}],
            }
            for kind, path in paths.items()
        ]
        project = {"id": "p-1", "name": "p", "domain": {"id": "default", "name": "Default"}}
        user = {"id": "u-1", "name": "u", "domain": {"id": "default", "name": "Default"}}
        expires = "2099-01-01T00:00:00.000000Z"
        return {"token": {"catalog": catalog, "project": project, "user": user, "expires_at": expires, "methods": []}}


def login(server, password="right", **parameters):
    """Log in at the server."""
    return Cloud({"auth": server.auth(password), "api_timeout": 5, **parameters})
