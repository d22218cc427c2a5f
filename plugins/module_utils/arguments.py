# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that modules share, as AnsibleModule takes them; documented in doc_fragments."""

from __future__ import annotations

IPV6_MODES = ["dhcpv6-stateful", "dhcpv6-stateless", "slaac"]
POOL = {"start": {"type": "str", "required": True}, "end": {"type": "str", "required": True}}
SUBNET = {
    "cidr": {"type": "str", "required": True},
    "name": {"type": "str"},
    "gateway_ip": {"type": "str"},
    "dns_nameservers": {"type": "list", "elements": "str"},
    "allocation_pools": {"type": "list", "elements": "dict", "options": POOL},
    "enable_dhcp": {"type": "bool"},
    "ipv6_ra_mode": {"type": "str", "choices": IPV6_MODES},
    "ipv6_address_mode": {"type": "str", "choices": IPV6_MODES},
}
RULE = {
    "direction": {"type": "str", "choices": ["ingress", "egress"], "default": "ingress"},
    "ethertype": {"type": "str", "choices": ["IPv4", "IPv6"]},
    "protocol": {"type": "str"},
    "port_range_min": {"type": "int"},
    "port_range_max": {"type": "int"},
    "remote_ip_prefix": {"type": "str"},
    "description": {"type": "str"},
}
NETWORK_STACK_ARGUMENTS = {
    "cohort": {"type": "str", "required": True},
    "name": {"type": "str"},
    "external_network": {"type": "str"},
    "subnets": {"type": "list", "elements": "dict", "options": SUBNET},
    "security_group_rules": {"type": "list", "elements": "dict", "options": RULE},
    "default_egress": {"type": "bool"},
}
INSTANCE = {
    "student": {"type": "str", "required": True},
    "name": {"type": "str"},
    "user_data": {"type": "str"},
    "metadata": {"type": "dict"},
    "network": {"type": "str"},
}
INSTANCES_ARGUMENTS = {
    "cohort": {"type": "str", "required": True},
    "instances": {"type": "list", "elements": "dict", "required": True, "options": INSTANCE},
    "image": {"type": "str"},
    "flavor": {"type": "str"},
    "availability_zone": {"type": "str"},
    "key_name": {"type": "str", "no_log": False},
    "config_drive": {"type": "bool"},
    "server_group": {"type": "str"},
    "volume_size": {"type": "int"},
    "delete_on_termination": {"type": "bool"},
    "state": {
        "type": "str",
        "choices": ["present", "absent", "started", "stopped", "shelved", "resized", "rebuilt"],
        "default": "present",
    },
    "prune": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 600},
    "concurrency": {"type": "int", "default": 8},
    "retries": {"type": "int", "default": 1},
    "progress_file": {"type": "path"},
}
# What is needed to make instances
REQUIRED_TO_MAKE = [("state", state, ("image", "flavor")) for state in ("present", "started", "resized", "rebuilt")]
