# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of a network stack; they match NETWORK_STACK_ARGUMENTS."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment ouseful.coursevm.network_stack."""

    DOCUMENTATION = r"""
options:
  cohort:
    description: Name of the cohort; 1 to 31 lower case letters, digits and hyphens.
    type: str
    required: true
  name:
    description:
      - Name of the network, the router and the security group. V(coursevm-COHORT) when not given.
      - What was made under another name stays; its networks are reported. Before a change, remove it with
        O(state=absent) and the earlier name.
    type: str
  external_network:
    description: Name or id of the external network that the router is connected to. No router when not given.
    type: str
  subnets:
    description: Subnets of the network.
    type: list
    elements: dict
    suboptions:
      cidr:
        description:
          - Addresses of the subnet, for example V(10.30.0.0/20) or V(fd00:30::/64). Can't be changed later.
          - A network with both an IPv4 and an IPv6 subnet gives every server an address of each.
        type: str
        required: true
      name:
        description: Name of the subnet. O(name) and the IP version, as in V(coursevm-demo-4), when not given.
        type: str
      gateway_ip:
        description: Address of the router in the subnet, or a link-local one for IPv6.
        type: str
      dns_nameservers:
        description: Name servers that DHCP announces.
        type: list
        elements: str
      allocation_pools:
        description: Ranges to take addresses from.
        type: list
        elements: dict
        suboptions:
          start:
            description: First address.
            type: str
            required: true
          end:
            description: Last address.
            type: str
            required: true
      enable_dhcp:
        description: Whether DHCP is served.
        type: bool
      ipv6_ra_mode:
        description:
          - How the router announces an IPv6 subnet. The modes V(slaac) and V(dhcpv6-stateless) need a /64.
          - Not announced when not given. Can't be changed later.
        type: str
        choices: [dhcpv6-stateful, dhcpv6-stateless, slaac]
      ipv6_address_mode:
        description:
          - How servers get their address of an IPv6 subnet; the same as O(subnets[].ipv6_ra_mode) where both are given.
          - Can't be changed later.
        type: str
        choices: [dhcpv6-stateful, dhcpv6-stateless, slaac]
  security_group_rules:
    description:
      - What the security group allows. Any other rule is removed from it, but for Neutron's own two for outgoing
        traffic, see O(default_egress).
      - A protocol by its number or name, and V(0.0.0.0/0), V(::/0) or no network at all, count as the same.
    type: list
    elements: dict
    suboptions:
      direction:
        description: Way of the traffic.
        type: str
        choices: [ingress, egress]
        default: ingress
      ethertype:
        description: IP version. That of O(security_group_rules[].remote_ip_prefix), else IPv4, when not given.
        type: str
        choices: [IPv4, IPv6]
      protocol:
        description: Protocol, for example V(tcp) or V(icmp). Any when not given.
        type: str
      port_range_min:
        description: First port; type of the message for ICMP.
        type: int
      port_range_max:
        description: Last port, that of O(security_group_rules[].port_range_min) when not given; code of the message for
          ICMP, any when not given.
        type: int
      remote_ip_prefix:
        description: Network that the traffic comes from, or goes to. Anywhere when not given.
        type: str
      description:
        description: What the rule is for. Given to new rules; not compared.
        type: str
  default_egress:
    description:
      - Whether the security group has Neutron's own two rules, which let everything out by IPv4 and IPv6.
      - V(true) keeps them beside declared rules for outgoing traffic, or makes them again. V(false) removes them, so
        that nothing goes out but what is declared.
      - When not given, it is V(true) as long as no rule for outgoing traffic is declared, else V(false).
    type: bool
"""
