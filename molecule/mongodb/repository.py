"""Make a signed apt repository with one package, of two series: a stand-in for MongoDB's server, of the same name.

usage: repository.py DIRECTORY   needs dpkg-deb and gpg. The public key is DIRECTORY/key.asc.
"""

import gzip
import hashlib
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


def make_package(pool: pathlib.Path, version: str) -> pathlib.Path:
    """Return the path of the new package."""
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
    return path


def sums(path: pathlib.Path) -> tuple[str, int]:
    """Return a file's SHA-256 and size."""
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest(), len(content)


def entry(pool: pathlib.Path, version: str) -> str:
    """Make the package of a version and return what the index says of it."""
    package = make_package(pool, version)
    digest, size = sums(package)
    return f"{CONTROL % version}Filename: {package.name}\nSize: {size}\nSHA256: {digest}\n"


def main() -> None:
    top = pathlib.Path(sys.argv[1])
    suite = top / "dists" / "stable"
    index = suite / "main" / "binary-all"
    index.mkdir(parents=True)
    entries = "\n".join(entry(top, version) for version in VERSIONS)
    (index / "Packages").write_text(entries, encoding="utf-8")
    (index / "Packages.gz").write_bytes(gzip.compress(entries.encode()))
    lines = [
        "Suite: stable",
        "Codename: stable",
        "Architectures: all",
        "Components: main",
        "Date: Thu, 01 Jan 2026 00:00:00 UTC",
        "SHA256:",
    ]
    for name in ("Packages", "Packages.gz"):
        digest, size = sums(index / name)
        lines.append(f" {digest} {size} main/binary-all/{name}")
    release = suite / "Release"
    release.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as home:
        gpg = ["gpg", "--quiet", "--batch", "--homedir", home]
        subprocess.run([*gpg, "--passphrase", "", "--quick-generate-key", "molecule", "ed25519"], check=True)
        subprocess.run([*gpg, "--output", suite / "InRelease", "--clearsign", release], check=True)
        key = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=True)
    (top / "key.asc").write_bytes(key)


main()
