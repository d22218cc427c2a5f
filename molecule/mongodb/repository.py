"""Make a signed apt repository with one package, of two series: a stand-in for MongoDB's server, of the same name.

usage: repository.py DIRECTORY   needs what ../shared/repository.py needs. The public key is DIRECTORY/key.asc.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

FILES = pathlib.Path(__file__).parent / "files"
PACKAGE = "mongodb-org-server"
VERSIONS = ("7.0.0", "8.0.0")
CONTROL = f"""Package: {PACKAGE}
Version: %s
Architecture: all
Maintainer: molecule <root@localhost>
Depends: python3
Description: Stand-in for MongoDB's server
"""
PLACES = {"mongod.py": "usr/bin/mongod", "mongod.service": "lib/systemd/system/mongod.service"}


def make_package(pool: pathlib.Path, version: str) -> None:
    """Make the package of a version."""
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch, "root")
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN" / "control").write_text(CONTROL % version, encoding="utf-8")
        shutil.copy(FILES / "postinst", root / "DEBIAN" / "postinst")
        (root / "DEBIAN" / "postinst").chmod(0o755)
        for name, place in PLACES.items():
            (root / place).parent.mkdir(parents=True)
            shutil.copy(FILES / name, root / place)
        (root / "usr/bin/mongod").chmod(0o755)
        path = pool / f"{PACKAGE}-{version}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, path], check=True)


def main() -> None:
    top = pathlib.Path(sys.argv[1])
    top.mkdir(exist_ok=True)
    for version in VERSIONS:
        make_package(top, version)
    subprocess.run([sys.executable, FILES.parents[1] / "shared" / "repository.py", top, "stable"], check=True)


main()
