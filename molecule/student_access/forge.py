"""The part of a forge that matters here, files by HTTPS, for a minute: forge.py PORT DIRECTORY CERTIFICATE_AND_KEY"""

from __future__ import annotations

import functools
import http.server
import signal
import ssl
import sys

signal.alarm(60)
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[2])
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
