"""What is taken for a public key. ssh-keygen makes real ones."""

from __future__ import annotations

import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.filter.public_keys import problem, public_keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_what_ssh_keygen_makes_is_taken(tmp_path, kind):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "Ada's own", "-f", tmp_path / "key"], check=True)
    public = (tmp_path / "key.pub").read_text()
    assert public_keys([public], "field") == [public.strip()]
    with pytest.raises(AnsibleFilterError, match="is of a private key"):
        public_keys([(tmp_path / "key").read_text()], "field")


def test_comments_empty_lines_and_repetitions_are_left_out():
    assert public_keys([f"# Ada's\r\n\r\n{KEY}\r\n{KEY}\n"], "field") == [KEY]
    assert public_keys([], "field") == []


@pytest.mark.parametrize(
    "line",
    [
        "<!DOCTYPE html>",
        "ssh-ed25519 /etc/passwd",
        f'command="rm -rf /" {KEY}',
        f"no-pty {KEY}",
        "ssh-dss AAAAB3NzaC1kc3MAAACBAJ",
        "ssh-ed25519 AAAA;rm",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6",
        KEY.replace("ssh-ed25519", "ssh-rsa"),
        f"{KEY} bell\x07",
    ],
)
def test_anything_else_is_refused_by_its_place_and_never_shown(line):
    with pytest.raises(AnsibleFilterError) as raised:
        public_keys([KEY, f"{KEY}\n{line}"], ["laptop.pub", "https://forge/ada.keys"])
    assert str(raised.value).startswith("https://forge/ada.keys: line 2 ")
    assert line not in str(raised.value)


@given(st.text())
def test_no_text_is_taken_for_a_key_that_names_another_type(text):
    assert problem(text) or text.split(" ")[0].startswith(("ssh-", "ecdsa-", "sk-"))
