"""Run code on a running Jupyter from a page of another site, in a real browser and with the token, as ThebeLab does.

usage: foreign_page.py URL PORT   with the token in the environment variable TOKEN. The page is served at this machine's
PORT, once as http://127.0.0.1 and once as http://localhost: two origins. Prints what each gets, as JSON.
"""

import http.server
import json
import os
import sys
import threading

from chromium import chromium
from playwright.sync_api import BrowserContext, Error

RUN = """async ([url, token]) => {
  const headers = {Authorization: `token ${token}`, 'Content-Type': 'application/json'};
  const started = await fetch(`${url}api/kernels`, {method: 'POST', headers, body: '{}'});
  const {id} = await started.json();
  const socket = new WebSocket(`${url.replace('http', 'ws')}api/kernels/${id}/channels?token=${token}`);
  const header = {msg_id: 'sum', session: 'page', username: '', msg_type: 'execute_request', version: '5.3'};
  const content = {code: 'print(6 * 7)', silent: false};
  const request = {channel: 'shell', header, content, parent_header: {}, metadata: {}};
  socket.onopen = () => socket.send(JSON.stringify(request));
  const text = await new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error('the web socket is refused'));
    socket.onmessage = ({data}) => {
      const message = JSON.parse(data);
      if (message.header.msg_type === 'stream') resolve(message.content.text.trim());
    };
  });
  await fetch(`${url}api/kernels/${id}`, {method: 'DELETE', headers});
  return text;
}"""


class Page(http.server.BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def run_from(context: BrowserContext, origin: str, url: str, token: str) -> str:
    """Return what the code prints, or what the browser says about it."""
    page = context.new_page()
    page.goto(origin)
    try:
        return page.evaluate(RUN, [url, token])
    except Error as error:
        return error.message.splitlines()[0]


def main() -> None:
    url, port = sys.argv[1], int(sys.argv[2])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with chromium() as context:
        seen = {
            name: run_from(context, f"http://{host}:{port}", url, os.environ["TOKEN"])
            for name, host in {"allowed": "127.0.0.1", "other": "localhost"}.items()
        }
    json.dump(seen, sys.stdout)


main()
