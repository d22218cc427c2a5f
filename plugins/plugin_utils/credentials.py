# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials of students and the files that keep them on the control machine.

A student has two files: `<student>.yml`, encrypted by Ansible Vault, and `<student>.pub`, so that an unchanged
run needs no decryption. The operator has an OpenSSH key pair: `operator` and `operator.pub`. No file is ever
overwritten or removed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import tempfile
import textwrap
import typing as t

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, is_encrypted, match_encrypt_secret

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from passlib import pwd
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None


class CredentialsError(Exception):
    """What keeps the credentials from being made or read, in words, with the mend."""


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A password and an ed25519 key pair in OpenSSH's formats, both without a trailing newline."""

    password: str = dataclasses.field(repr=False)
    ssh_public_key: str
    ssh_private_key: str = dataclasses.field(repr=False)

    @classmethod
    def make(cls, comment: str) -> Credentials:
        """New ones. `comment` is the public key's. The password has 90 bits of entropy: 16 characters out of
        50 that are not mistaken for one another, in groups of four because students type it."""
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        password = "-".join(textwrap.wrap(pwd.genword(length=16, charset="ascii_50"), 4))
        return cls(password, f"{public.decode()} {comment}", private.decode().rstrip("\n"))

    def to_yaml(self) -> str:
        """Readable in `ansible-vault view`: the private key as a block."""
        return (
            f"password: {json.dumps(self.password)}\n"
            f"ssh_public_key: {json.dumps(self.ssh_public_key)}\n"
            f"ssh_private_key: |\n{textwrap.indent(self.ssh_private_key, '  ')}\n"
        )


class PlainKey:
    """Keeps the private key alone, in OpenSSH's format and not encrypted."""

    suffix = ""

    def __init__(self, comment: str):
        self._comment = comment

    def encode(self, credentials: Credentials) -> bytes:
        return f"{credentials.ssh_private_key}\n".encode()

    def public_key(self, file: pathlib.Path) -> str:
        """The public key that belongs to the private one in `file`. Raises CredentialsError."""
        try:
            key = serialization.load_ssh_private_key(file.read_bytes(), password=None).public_key()
        except (ValueError, TypeError) as error:
            raise CredentialsError(
                f"{file} is not an OpenSSH private key without a passphrase ({error}): restore it from a backup, "
                f"or write its public key to {file}.pub with 'ssh-keygen -y'."
            ) from None
        text = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
        return f"{text} {self._comment}"


class Vault:
    """Keeps all of the credentials, encrypted with the vault secret that Ansible was started with."""

    suffix = ".yml"

    def __init__(self, secrets: list[tuple[str, t.Any]] | None, encrypt_vault_id: str | None):
        """Raises CredentialsError when there is none, or none with the id to encrypt with."""
        if not secrets:
            raise CredentialsError(
                "There is no vault secret to encrypt the students' passwords and keys with: give one with "
                "--vault-password-file, --vault-id, --ask-vault-pass or ANSIBLE_VAULT_PASSWORD_FILE."
            )
        self._vault = VaultLib(secrets)
        try:
            self._vault_id, self._secret = match_encrypt_secret(secrets, encrypt_vault_id=encrypt_vault_id)
        except AnsibleError as error:
            raise CredentialsError(f"No vault secret to encrypt with: {error}") from None

    def encode(self, credentials: Credentials) -> bytes:
        return self._vault.encrypt(credentials.to_yaml(), self._secret, vault_id=self._vault_id)

    def check(self, files: list[pathlib.Path]) -> None:
        """Raises CredentialsError unless every file looks encrypted and one can be decrypted: a few ms each add up."""
        for file in files:
            with file.open("rb") as stream:
                self._check_header(file, stream.read(64))
        if files:
            self.public_key(files[0])

    def public_key(self, file: pathlib.Path) -> str:
        """The public key in an encrypted file. Raises CredentialsError naming the file."""
        data = file.read_bytes()
        self._check_header(file, data)
        try:
            content = yaml.safe_load(self._vault.decrypt(data))
        except (AnsibleError, yaml.YAMLError):  # their texts may quote what was decrypted
            raise CredentialsError(
                f"{file} cannot be decrypted: give the vault secret that it was encrypted with "
                "(--vault-id accepts several), or restore it from a backup."
            ) from None
        if not isinstance(content, dict) or not {"password", "ssh_public_key", "ssh_private_key"} <= content.keys():
            raise CredentialsError(
                f"{file} lacks password, ssh_public_key or ssh_private_key: complete it with "
                f"'ansible-vault edit {file}', or restore it from a backup."
            )
        return content["ssh_public_key"]

    @staticmethod
    def _check_header(file: pathlib.Path, data: bytes) -> None:
        if not is_encrypted(data):
            raise CredentialsError(
                f"{file} is not encrypted by Ansible Vault: encrypt it with 'ansible-vault encrypt {file}', "
                "or restore it from a backup."
            )


class Store:
    """The directory of credentials. In check mode nothing is written, but told as if it were."""

    def __init__(self, path: str, check_mode: bool):
        self.path = pathlib.Path(path)
        self._check_mode = check_mode
        #: For whom credentials were (or would be) made; the files written for that, and those whose mode was set.
        self.created: list[str] = []
        self.written: list[str] = []
        self.modes_set: list[str] = []

    @contextlib.contextmanager
    def opened(self) -> t.Iterator[None]:
        """Makes the directory where needed and keeps other runs out of it. Raises CredentialsError."""
        if self.path.exists() and not self.path.is_dir():
            raise CredentialsError(f"{self.path} is not a directory: choose another 'path' or move the file away.")
        try:
            if self._check_mode:
                yield
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
            with open(self.path / ".lock", "a", opener=lambda file, flags: os.open(file, flags, 0o600)) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            where = error.filename or self.path
            raise CredentialsError(f"{where}: {error.strerror}; check its owner, its mode and the disk.") from None

    def ensure(self, name: str, comment: str, keeper: PlainKey | Vault) -> str:
        """The public key in `<name>.pub`, whose other half `keeper` keeps next to it; both are made when missing.

        An interrupted run may have left the keeper's file alone: then the public key is read out of that.
        Raises CredentialsError when the keeper's file is the missing one.
        """
        public, secret_file = self.path / f"{name}.pub", self.path / f"{name}{keeper.suffix}"
        if public.exists():
            if secret_file.exists():
                self._ensure_mode(public, 0o600)
                self._ensure_mode(secret_file, 0o600)
                return public.read_text().strip()
            raise CredentialsError(
                f"{secret_file} is missing, but {public.name} is there: restore it from a backup, or remove "
                f"{public.name} to have new credentials made (and then given to the VM)."
            )
        if secret_file.exists():
            key = keeper.public_key(secret_file)
        else:
            self.created.append(name)
            if self._check_mode:
                key = f"ssh-ed25519 (to be made) {comment}"
                self.written.append(secret_file.name)
            else:
                credentials = Credentials.make(comment)
                self._write(secret_file.name, keeper.encode(credentials))
                key = credentials.ssh_public_key
        self._write(public.name, f"{key}\n".encode())
        return key

    def ensure_own_mode(self) -> None:
        """0700 for the directory."""
        if self.path.exists():
            self._ensure_mode(self.path, 0o700)

    def _ensure_mode(self, file: pathlib.Path, mode: int) -> None:
        if file.stat().st_mode & 0o777 != mode:
            self.modes_set.append(file.name)
            if not self._check_mode:
                file.chmod(mode)

    def _write(self, name: str, content: bytes) -> None:
        """Writes a new file, whole or not at all; FileExistsError rather than replacing one."""
        self.written.append(name)
        if self._check_mode:
            return
        descriptor, temporary = tempfile.mkstemp(dir=self.path, prefix=".")  # mode 0600
        try:
            with open(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.link(temporary, self.path / name)  # unlike a rename it never replaces
        finally:
            os.unlink(temporary)
