#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: credentials
short_description: Makes every student's password and SSH key, and the operator's key
description:
  - Makes what is missing and keeps it in a directory on the control machine. An existing file is never overwritten
    or removed, so that a student keeps the password once given, and running again changes nothing.
  - A student's password and key pair go to C(<path>/<student>.yml), a YAML file with C(password), C(ssh_public_key)
    and C(ssh_private_key), encrypted with the vault secret that Ansible was started with
    (E(ANSIBLE_VAULT_ENCRYPT_IDENTITY) chooses among several). The public key is also in C(<path>/<student>.pub).
  - The operator's key pair is in C(<path>/operator), not encrypted because C(ssh) reads it, and C(<path>/operator.pub).
  - A password has 90 bits of entropy, 16 characters out of 50 that are not mistaken for one another, in groups
    of four. Keys are ed25519 without a passphrase.
  - Files have mode 0600 and the directory 0700; this is restored when it is found different.
  - Runs that use the same directory wait for one another.
version_added: 0.1.0
author: The ouseful.coursevm contributors (@ouseful)
requirements:
  - libpass (or passlib)
  - cryptography
options:
  path:
    description: The directory, made when missing. A relative path is relative to the playbook.
    type: path
    required: true
  cohort:
    description: The cohort; it is named in the comment of each public key, C(<student>@<cohort>).
    type: str
    required: true
  students:
    description: The students' ids.
    type: list
    elements: str
    required: true
attributes:
  action:
    description: Runs on the control machine.
    support: full
  check_mode:
    description: Nothing is written; a key that is still to be made is returned as a placeholder.
    support: full
  diff_mode:
    description: Shows the names of files only.
    support: full
"""

EXAMPLES = r"""
- name: Make each student's password and key, and the operator's key
  ouseful.coursevm.credentials:
    path: "{{ inventory_dir }}/.state/credentials"
    cohort: tm351-26j
    students: [ada, grace]
  register: credentials
  run_once: true

# Needs the same vault secret, e.g. --vault-password-file
- name: Show a student's password again
  ansible.builtin.debug:
    msg: "{{ (lookup('ansible.builtin.unvault', inventory_dir ~ '/.state/credentials/ada.yml') | from_yaml).password }}"
"""

RETURN = r"""
created:
  description: The students for whom credentials were made, and V(operator) when its key was.
  returned: success
  type: list
  elements: str
  sample: [operator, ada]
public_keys:
  description: The public key of every student.
  returned: success
  type: dict
  sample:
    ada: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... ada@tm351-26j
operator_public_key:
  description: The operator's public key.
  returned: success
  type: str
  sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... operator@tm351-26j
operator_private_key_file:
  description: The file with the operator's private key.
  returned: success
  type: str
  sample: /srv/inventories/tm351/.state/credentials/operator
"""
