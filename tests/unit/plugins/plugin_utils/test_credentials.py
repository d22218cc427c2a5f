"""Passwords, keys and the files that keep them, with real vault encryption and a real directory."""

from __future__ import annotations

import pathlib
import re
import subprocess
import threading

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.ouseful.coursevm.plugins.plugin_utils.credentials import (
    Credentials,
    CredentialsError,
    PlainKey,
    Store,
    Vault,
)

SECRETS = [("default", VaultSecret(b"one")), ("lab", VaultSecret(b"two"))]


@pytest.fixture
def path(tmp_path) -> pathlib.Path:
    return tmp_path / "state" / "credentials"


def ensure(path: pathlib.Path, students: list[str], vault: Vault | None = None, check_mode: bool = False) -> Store:
    """One run: the operator's key and the students' credentials."""
    store = Store(str(path), check_mode)
    with store.opened():
        store.ensure_own_mode()
        store.ensure("operator", "operator@tm351", PlainKey("operator@tm351"))
        for student in students:
            store.ensure(student, f"{student}@tm351", vault or Vault(SECRETS, None))
    return store


def snapshot(path: pathlib.Path) -> dict[str, tuple[bytes, int]]:
    return {file.name: (file.read_bytes(), file.stat().st_mode & 0o777) for file in path.iterdir()}


def test_passwords_can_be_typed_and_differ():
    passwords = {Credentials.make("ada@tm351").password for _ in range(50)}
    assert len(passwords) == 50
    assert all(re.fullmatch(r"[0-9A-Za-z]{4}(-[0-9A-Za-z]{4}){3}", password) for password in passwords)


def test_credentials_do_not_show_their_secrets():
    made = Credentials.make("ada@tm351")
    assert made.password not in repr(made)
    assert "PRIVATE KEY" not in repr(made)


def test_openssh_reads_the_keys(path):
    ensure(path, ["ada"])
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", path / "operator"], check=True, capture_output=True, text=True
    ).stdout
    kind, key, comment = (path / "operator.pub").read_text().split()
    assert derived.split()[:2] == [kind, key]
    assert (kind, comment) == ("ssh-ed25519", "operator@tm351")
    assert (path / "ada.pub").read_text().endswith(" ada@tm351\n")


def test_first_run_and_second_run(path):
    first = ensure(path, ["ada", "grace"])
    assert first.created == ["operator", "ada", "grace"]
    files = snapshot(path)
    assert {mode for _, mode in files.values()} == {0o600}
    assert path.stat().st_mode & 0o777 == 0o700
    assert set(files) == {".lock", "operator", "operator.pub", "ada.yml", "ada.pub", "grace.yml", "grace.pub"}
    second = ensure(path, ["grace", "ada"])
    assert (second.created, second.written, second.modes_set) == ([], [], [])
    assert snapshot(path) == files


def test_check_mode_says_the_same_and_writes_nothing(path):
    predicted = ensure(path, ["ada"], check_mode=True)
    assert not path.exists()
    made = ensure(path, ["ada"])
    assert (predicted.created, predicted.written) == (made.created, made.written)


@pytest.mark.parametrize("check_mode", [True, False])
def test_modes_are_restored(path, check_mode):
    ensure(path, ["ada"])
    (path / "ada.yml").chmod(0o644)
    path.chmod(0o755)
    store = ensure(path, ["ada"], check_mode=check_mode)
    assert store.modes_set == ["credentials", "ada.yml"]
    assert ((path / "ada.yml").stat().st_mode & 0o777) == (0o644 if check_mode else 0o600)


@pytest.mark.parametrize("name", ["ada", "operator"])
def test_an_interrupted_run_is_completed(path, name):
    ensure(path, ["ada"])
    files = snapshot(path)
    (path / f"{name}.pub").unlink()
    store = ensure(path, ["ada"])
    assert (store.created, store.written) == ([], [f"{name}.pub"])
    assert snapshot(path) == files


@pytest.mark.parametrize("missing", ["ada.yml", "operator"])
def test_a_lost_secret_is_not_replaced_silently(path, missing):
    ensure(path, ["ada"])
    (path / missing).unlink()
    with pytest.raises(CredentialsError, match=rf"{missing} is missing.*restore it"):
        ensure(path, ["ada"])


def test_the_vault_id_asked_for_is_used(path):
    ensure(path, ["ada"], Vault(SECRETS, "lab"))
    text = (path / "ada.yml").read_bytes()
    assert text.startswith(b"$ANSIBLE_VAULT;1.2;AES256;lab\n")
    assert b"password" in VaultLib([SECRETS[1]]).decrypt(text)
    with pytest.raises(CredentialsError, match=r"encrypt-vault-id=other"):
        Vault(SECRETS, "other")


@pytest.mark.parametrize("secrets", [None, []])
def test_no_secret_at_all(secrets):
    with pytest.raises(CredentialsError, match=r"--vault-password-file"):
        Vault(secrets, None)


def test_files_that_cannot_be_used_are_named(path):
    ensure(path, ["ada", "grace"])
    ada, grace = path / "ada.yml", path / "grace.yml"
    with pytest.raises(CredentialsError, match=rf"{ada} cannot be decrypted.*--vault-id"):
        Vault([("default", VaultSecret(b"other"))], None).check([ada, grace])
    grace.write_text("password: plain\n")
    with pytest.raises(CredentialsError, match=rf"{grace} is not encrypted.*ansible-vault encrypt"):
        Vault(SECRETS, None).check([ada, grace])
    ada.write_bytes(VaultLib(SECRETS).encrypt("password: only\n"))
    with pytest.raises(CredentialsError, match=rf"{ada} lacks.*ansible-vault edit"):
        Vault(SECRETS, None).check([ada])


def test_an_operator_key_that_cannot_be_read_is_named(path):
    ensure(path, [])
    (path / "operator").write_text("not a key")
    (path / "operator.pub").unlink()
    with pytest.raises(CredentialsError, match=r"operator is not an OpenSSH private key"):
        ensure(path, [])


def test_a_file_in_the_way_of_the_directory(path):
    path.parent.mkdir()
    path.write_text("")
    with pytest.raises(CredentialsError, match=r"is not a directory"):
        ensure(path, [])


def test_runs_at_the_same_time_agree(path):
    """Each sees either nothing or all of another's work, so all return the same keys."""
    students = [f"s{number}" for number in range(10)]
    created: list[str] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            created.extend(ensure(path, students).created)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(created) == sorted(["operator", *students])


def test_an_existing_file_is_never_replaced(path):
    ensure(path, ["ada"])
    files = snapshot(path)
    with pytest.raises(FileExistsError):
        Store(str(path), check_mode=False)._write("ada.yml", b"other")
    assert snapshot(path) == files
