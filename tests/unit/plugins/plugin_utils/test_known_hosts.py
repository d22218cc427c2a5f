"""Host keys exchanged in a known_hosts file. OpenSSH's own ssh-keygen makes and looks up the hashed names."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.ouseful.coursevm.plugins.plugin_utils.known_hosts import KnownHost, exchanged

OLD = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
NEW = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILqhqynYvG3gU1YhiSd7wqN9Kkaur0ZF1MiKLCEm0Mnl"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"vm {NEW}\n"),
        (f"vm {OLD}\n", f"vm {NEW}\n"),
        (f"vm {NEW} a comment\n", f"vm {NEW} a comment\n"),
        (f"# vm {OLD}\nother {OLD}\nvm,10.0.0.1 {OLD}\n", f"# vm {OLD}\nother {OLD}\nvm {NEW}\n"),
        (f"@cert-authority vm {OLD}\nnonsense\n", f"@cert-authority vm {OLD}\nnonsense\nvm {NEW}\n"),
    ],
)
def test_only_this_hosts_keys_are_exchanged(before, after):
    assert exchanged(before, "vm", [NEW], [OLD]) == after


def test_a_hashed_name_is_recognised(tmp_path):
    path = tmp_path / "known_hosts"
    path.write_text(f"[vm]:2222 {OLD}\nother {OLD}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    KnownHost(path, "[vm]:2222").exchange([NEW], [OLD])
    text = path.read_text()
    assert text.count("\n") == 2
    assert text.endswith(f"[vm]:2222 {NEW}\n")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ([], "10.0.0.1"),
        (["-p", "2222"], "[10.0.0.1]:2222"),
        (["-p", "2222", "-o", "HostKeyAlias=3f-vm"], "3f-vm"),
    ],
)
def test_ssh_tells_the_file_and_the_name(tmp_path, options, name):
    command = ["ssh", "-G", "-F", "none", "-o", f"UserKnownHostsFile={tmp_path}/known", *options, "10.0.0.1"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert KnownHost.from_configuration(told) == KnownHost(tmp_path / "known", name)


def test_a_client_that_keeps_no_file_has_nothing_to_exchange():
    assert KnownHost.from_configuration("hostname vm\nport 22\nuserknownhostsfile /dev/null\n") is None
