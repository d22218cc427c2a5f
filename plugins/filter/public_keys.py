# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SSH public keys out of lines that somebody else wrote."""

from __future__ import annotations

DOCUMENTATION = r"""
name: public_keys
short_description: SSH public keys out of text
version_added: 0.1.0
author:
  - The ouseful.coursevm contributors (@ouseful)
description:
  - Returns the public keys that the lines of some text hold, each once, without comments and empty lines.
  - Every line must be a public key as C(ssh-keygen) writes it to a C(.pub) file, of a type that SSH services accept
    today. Options in front of a key (C(command=...)) are refused.
  - Lines are never shown, since one may be a private key.
positional: source
options:
  _input:
    description: Texts, each of one or more lines.
    type: list
    elements: str
    required: true
  source:
    description: Where the text comes from, for the error; a list names the source of each text.
    type: raw
    required: true
"""

EXAMPLES = r"""
keys: "{{ query('ansible.builtin.url', *urls, split_lines=false) | ouseful.coursevm.public_keys(urls) }}"
"""

RETURN = r"""
_value:
  description: The keys.
  type: list
  elements: str
"""

import base64
import binascii
import re
import typing as t

from ansible.errors import AnsibleFilterError

TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
MEND = "Give public keys, each in one line, as ssh-keygen writes it to a .pub file."
# The comment is shown by sshd and editors: no control characters
COMMENT = re.compile(r"[^\x00-\x1f\x7f-\x9f]*")


def problem(line: str) -> str:
    """What is wrong with a line; nothing for a public key."""
    if "PRIVATE KEY" in line:
        return "is of a private key"
    kind, _, rest = line.partition(" ")
    if kind not in TYPES:
        return "does not begin with the type of a public key"
    key, _, comment = rest.partition(" ")
    try:
        blob = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return "is not base64 after the type"
    length = int.from_bytes(blob[:4], "big")
    # A key names its own type; and one that was cut off is short
    if blob[4 : 4 + length] != kind.encode() or len(blob) < 4 + length + 32:
        return f"is not a complete key of type {kind}"
    if not COMMENT.fullmatch(comment):
        return "has a control character"
    return ""


def public_keys(texts: list[str], source: str | list[str]) -> list[str]:
    """The keys in the order of their lines; raises AnsibleFilterError for a line that is none."""
    if isinstance(source, str):
        texts, source = ["\n".join(texts)], [source]
    keys: dict[str, None] = {}
    for text, name in zip(texts, source, strict=True):
        for number, line in enumerate(map(str.strip, text.split("\n")), start=1):
            if not line or line.startswith("#"):
                continue
            if wrong := problem(line):
                raise AnsibleFilterError(f"{name}: line {number} {wrong}. {MEND}")
            keys[line] = None
    return list(keys)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name and function of each."""
        return {"public_keys": public_keys}
