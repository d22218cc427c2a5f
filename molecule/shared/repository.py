"""Make a directory with packages a signed apt repository of them.

usage: repository.py DIRECTORY SUITE [FIELD=VALUE]...   the fields are more of its Release file, or other ones. Needs
       dpkg-deb and gpg. The public key is DIRECTORY/key.asc.
"""

import gzip
import hashlib
import pathlib
import subprocess
import sys
import tempfile


def sums(path: pathlib.Path) -> tuple[str, int]:
    """Return a file's SHA-256 and size."""
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest(), len(content)


def entry(package: pathlib.Path) -> str:
    """Return what the index says of a package."""
    control = subprocess.run(["dpkg-deb", "--field", package], check=True, capture_output=True, text=True).stdout
    digest, size = sums(package)
    return f"{control}Filename: {package.name}\nSize: {size}\nSHA256: {digest}\n"


def main() -> None:
    top, suite = pathlib.Path(sys.argv[1]), sys.argv[2]
    place = top / "dists" / suite
    index = place / "main" / "binary-all"
    index.mkdir(parents=True)
    entries = "\n".join(entry(package) for package in sorted(top.glob("*.deb")))
    (index / "Packages").write_text(entries, encoding="utf-8")
    (index / "Packages.gz").write_bytes(gzip.compress(entries.encode()))
    fields = {
        "Suite": suite,
        "Codename": suite,
        "Architectures": "all",
        "Components": "main",
        "Date": "Thu, 01 Jan 2026 00:00:00 UTC",
        **dict(field.split("=", 1) for field in sys.argv[3:]),
    }
    lines = [*(f"{name}: {value}" for name, value in fields.items()), "SHA256:"]
    for name in ("Packages", "Packages.gz"):
        digest, size = sums(index / name)
        lines.append(f" {digest} {size} main/binary-all/{name}")
    release = place / "Release"
    release.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as home:
        gpg = ["gpg", "--quiet", "--batch", "--homedir", home]
        subprocess.run([*gpg, "--passphrase", "", "--quick-generate-key", "molecule", "ed25519"], check=True)
        subprocess.run([*gpg, "--output", place / "InRelease", "--clearsign", release], check=True)
        key = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=True)
    (top / "key.asc").write_bytes(key)


main()
