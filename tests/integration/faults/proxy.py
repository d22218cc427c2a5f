"""An addon of mitmproxy that does one fault at one request, as it is told.

It is told by PUT http://faults.invalid/ through the proxy itself: {"kind": …, "at": number of the request, from 1 on}.
GET answers which request was struck since, as method and path.
"""

import asyncio
import json

from mitmproxy import http

CONTROL = "faults.invalid"
RETRY_AFTER = 1  # seconds
# Seconds by which an answer is delayed; the client that is tested waits less.
DELAY = 14


class Faults:
    """Counts requests and strikes one of them."""

    def __init__(self) -> None:
        self.told = {"kind": None, "at": 0}
        self.seen = 0
        self.struck = None

    def request(self, flow: http.HTTPFlow) -> None:
        """Take what is told; answer in the cloud's place where the fault is an answer."""
        if flow.request.host == CONTROL:
            flow.response = http.Response.make(200, self.control(flow.request), {"Content-Type": "application/json"})
            return
        self.seen += 1
        if self.seen != self.told["at"]:
            return
        flow.metadata["fault"] = self.told["kind"]
        if self.told["kind"] != "truncate":
            self.note(flow)
        if self.told["kind"] == "429":
            flow.response = http.Response.make(429, "slow down", {"Retry-After": str(RETRY_AFTER)})
        elif self.told["kind"] == "503":
            headers = {"Content-Type": "text/html", "Retry-After": str(RETRY_AFTER)}
            flow.response = http.Response.make(503, "<h1>Service Unavailable</h1>", headers)

    async def response(self, flow: http.HTTPFlow) -> None:
        """Spoil an answer: the cloud has done what it was asked for by now."""
        fault = flow.metadata.get("fault")
        if fault == "reset":
            flow.kill()
        elif fault == "delay":
            await asyncio.sleep(DELAY)
        elif fault == "truncate" and not flow.response.raw_content:
            self.told["at"] = self.seen + 1  # nothing to cut off: the next one
        elif fault == "truncate":
            self.note(flow)
            # The header still tells the whole length.
            flow.response.raw_content = flow.response.raw_content[: len(flow.response.raw_content) // 2]
            flow.response.headers["Connection"] = "close"

    def note(self, flow: http.HTTPFlow) -> None:
        """Remember what was struck."""
        self.struck = f"{flow.request.method} {flow.request.path.split('?')[0]}"

    def control(self, request: http.Request) -> bytes:
        """Do as told, and answer what was struck until now."""
        answer = {"struck": self.struck}
        if request.method == "PUT":
            self.told, self.seen, self.struck = request.json(), 0, None
        return json.dumps(answer).encode()


addons = [Faults()]
