# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection options that every module of this collection shares; they match CONNECTION_ARGUMENTS."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment ouseful.coursevm.cloud."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of the cloud in C(clouds.yaml). E(OS_CLOUD) when not given.
      - E(OS_CLIENT_CONFIG_FILE) names the file; otherwise it is looked for in the current directory,
        C(~/.config/openstack) and C(/etc/openstack).
    type: str
  auth:
    description:
      - What the login of O(auth_type) needs, for example C(auth_url), C(username), C(password), C(project_name),
        C(user_domain_name) and C(project_domain_name). Not needed with O(cloud).
    type: dict
  auth_type:
    description: Type of login, for example C(password) or C(v3applicationcredential).
    type: str
  region_name:
    description: Name of the region.
    type: str
  interface:
    description: Which endpoints of the service catalogue to use.
    type: str
    choices: [public, internal, admin]
    aliases: [endpoint_type]
  validate_certs:
    description: Whether to verify the certificates of the cloud.
    type: bool
    aliases: [verify]
  ca_cert:
    description: Path of the CA certificates to verify with.
    type: str
    aliases: [cacert]
  client_cert:
    description: Path of a client certificate.
    type: str
    aliases: [cert]
  client_key:
    description: Path of the key of O(client_cert).
    type: str
    aliases: [key]
  api_timeout:
    description: Seconds to wait for the answer to one request. That of C(clouds.yaml), else 60, when not given.
    type: int
requirements:
  - python >= 3.11
  - openstacksdk >= 1.0.0
notes:
  - Needs OpenStack Stein (2019) or newer.
"""

    PLAN = r"""
attributes:
  check_mode:
    description: Stops after the plan.
    support: full
  diff_mode:
    description: The diff is the plan in words.
    support: full
"""
