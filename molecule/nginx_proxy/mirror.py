"""A web service that tells what it receives, as JSON. On a web socket it then repeats what it is told."""

import asyncio
import hashlib
import json

import tornado.httpserver
import tornado.web
import tornado.websocket


class Mirror(tornado.websocket.WebSocketHandler):
    """Answers at any path. Like Jupyter, it takes web sockets from its own origin only."""

    async def get(self) -> None:
        if self.request.headers.get("Upgrade", "") == "websocket":
            await super().get()
        else:
            self.write(self.received())

    def post(self) -> None:
        self.write(self.received())

    def received(self) -> dict:
        headers = {name.lower(): ",".join(self.request.headers.get_list(name)) for name in self.request.headers}
        return {"path": self.request.uri, "headers": headers}

    def open(self) -> None:
        self.write_message(json.dumps(self.received()))

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


class Strict(Mirror):
    """Has headers of its own."""

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", "frame-ancestors https://elsewhere.example")
        self.set_header("Referrer-Policy", "no-referrer")


class Slow(Mirror):
    """Answers after a number of seconds."""

    async def get(self) -> None:
        await asyncio.sleep(float(self.get_query_argument("number")))
        self.write(self.received())


class Moved(tornado.web.RequestHandler):
    """Redirects to its own address, as services do that know of no proxy."""

    def get(self) -> None:
        self.redirect("http://127.0.0.1:8042/course/there")


class Refusal(tornado.web.RequestHandler):
    def get(self) -> None:
        self.set_status(403)
        self.write("the service refuses")


@tornado.web.stream_request_body
class Upload(tornado.web.RequestHandler):
    """Takes a file and tells its length and checksum."""

    def prepare(self) -> None:
        self.length, self.sha256 = 0, hashlib.sha256()

    def data_received(self, chunk: bytes) -> None:
        self.length += len(chunk)
        self.sha256.update(chunk)

    def put(self) -> None:
        self.write({"length": self.length, "sha256": self.sha256.hexdigest()})


async def main() -> None:
    handlers = [
        (r".*/strict", Strict),
        (r".*/slow", Slow),
        (r".*/moved", Moved),
        (r".*/refused", Refusal),
        (r".*/upload", Upload),
        (r".*", Mirror),
    ]
    server = tornado.httpserver.HTTPServer(tornado.web.Application(handlers), max_body_size=2**30)
    server.listen(8042, "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
