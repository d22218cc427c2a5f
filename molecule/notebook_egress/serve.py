"""Web servers in the directory given, at an address and ports given: files, and a repository for git."""

import functools
import http.server
import pathlib
import subprocess
import sys
import threading

directory, address, *ports = sys.argv[1:]
root = pathlib.Path(directory)
if not (root / "probe.git").exists():
    git = ["git", "-c", "user.name=Site", "-c", "user.email=site@example.org"]
    subprocess.run([*git, "init", "--quiet", root / "work"], check=True)
    subprocess.run([*git, "-C", root / "work", "commit", "--quiet", "--allow-empty", "--message", "Probe"], check=True)
    subprocess.run([*git, "clone", "--quiet", "--bare", root / "work", root / "probe.git"], check=True)
    subprocess.run([*git, "-C", root / "probe.git", "update-server-info"], check=True)
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=directory)
servers = [http.server.ThreadingHTTPServer((address, int(port)), handler) for port in ports]
threads = [threading.Thread(target=server.serve_forever) for server in servers]
for thread in threads:
    thread.start()
