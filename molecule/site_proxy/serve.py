"""A web server with the site's certificate: an index for pip, a package source for apt, a repository for git."""

import http.server
import pathlib
import ssl
import subprocess
import sys
import zipfile

root = pathlib.Path("www")
project = root / "simple" / "probe"
project.mkdir(parents=True, exist_ok=True)
with zipfile.ZipFile(project / "probe-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr("probe-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: probe\nVersion: 1\n")
    wheel.writestr("probe-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("probe-1.dist-info/RECORD", "")
(root / "apt").mkdir(exist_ok=True)
(root / "apt" / "Packages").write_text("")
if not (root / "probe.git").exists():
    git = ["git", "-c", "user.name=Site", "-c", "user.email=site@example.org"]
    subprocess.run([*git, "init", "--quiet", "work"], check=True)
    subprocess.run([*git, "-C", "work", "commit", "--quiet", "--allow-empty", "--message", "Probe"], check=True)
    subprocess.run([*git, "clone", "--quiet", "--bare", "work", root / "probe.git"], check=True)
    subprocess.run([*git, "-C", root / "probe.git", "update-server-info"], check=True)


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves the files below www."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments, directory=str(root))


server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Files)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
