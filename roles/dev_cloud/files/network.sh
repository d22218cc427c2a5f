#!/bin/bash
# The cloud's network on the machine: a namespace for the container, a veth pair into it, the route to the floating
# addresses, the packet filter. No CNI: the container joins the namespace, which outlives it.
#
# Usage: network.sh up|check|down
#   up     makes what is missing, and prints "changed: …" for each thing it makes
#   check  prints the same lines and makes nothing
#   down   removes everything, and gives kernel settings back the values that they had
# Environment: NAME, NETNS, INTERFACE, MTU, MANAGEMENT_PREFIX, MACHINE_ADDRESS, CONTAINER_ADDRESS, EXTERNAL_NETWORK,
#              EXTERNAL_GATEWAY, EXTERNAL_PREFIX, EGRESS (True/False), CLIENT_NETWORKS (words), STATE_DIR,
#              CONTAINER_PID (0: the container does not run)
set -euo pipefail

verb=$1
mark="coursevm dev cloud $NAME" # on our interfaces: how they are told from others of that name
chains=("$INTERFACE-from" "$INTERFACE-to" "$INTERFACE-nat")
sysctl_before=$STATE_DIR/sysctl.before

fail() {
  echo "$*" >&2
  exit 1
}

# grep without -q: it would leave before its input ends, which pipefail takes for a failure
# ensure "what" TEST COMMAND [ARGUMENT…]: runs the command unless the test succeeds
ensure() {
  local what=$1 test=$2
  shift 2
  eval "$test" &>/dev/null && return
  echo "changed: $what"
  [ "$verb" = check ] || "$@"
}

inside() { ip -netns "$NETNS" "$@"; }
marked() { "$@" 2>/dev/null | grep -F "alias $mark" >/dev/null; }

# --- namespace and interfaces ---------------------------------------------------------------------------------------

namespace_is_usable() { ip netns exec "$NETNS" true; }
namespace_is_current() {
  namespace_is_usable && { [ "$CONTAINER_PID" = 0 ] || [ "/proc/$CONTAINER_PID/ns/net" -ef "/run/netns/$NETNS" ]; }
}
# Without our interface in it, it is still ours when it is as new (a run was interrupted between two steps) or has our
# bridge (somebody deleted the veth pair).
namespace_is_ours() {
  marked inside -o link show || marked inside -o link show dev br-ex ||
    ! inside -o addr show | grep -v ' lo ' >/dev/null
}
interface_is_ours() { marked ip -o link show dev "$INTERFACE"; }
pair_is_whole() { interface_is_ours && marked inside -o link show dev mgmt0; }
is_up() { "$@" | grep "[<,]UP[,>].* mtu $MTU "; }

refuse_foreign_things() {
  if [ -e "/sys/class/net/$INTERFACE" ] && ! interface_is_ours; then
    fail "dev_cloud_host_interface: there is an interface $INTERFACE, and it is not one of the cloud $NAME. Choose another name."
  fi
  if namespace_is_usable &>/dev/null && ! namespace_is_ours; then
    fail "dev_cloud_netns: there is a network namespace $NETNS, and it is not one of the cloud $NAME. Choose another name."
  fi
}

make_namespace() {
  # a name without a namespace behind it is what a lost mount leaves
  ip netns delete "$NETNS" 2>/dev/null || rm -f "/run/netns/$NETNS"
  if [ "$CONTAINER_PID" = 0 ]; then
    ip netns add "$NETNS"
  else
    ip netns attach "$NETNS" "$CONTAINER_PID" # only the name was lost
  fi
}

make_pair() {
  ip link delete dev "$INTERFACE" 2>/dev/null || true
  inside link delete dev mgmt0 2>/dev/null || true
  ip link add "$INTERFACE" type veth peer name mgmt0 netns "$NETNS"
  ip link set dev "$INTERFACE" alias "$mark"
  inside link set dev mgmt0 alias "$mark"
}

make_bridge() {
  inside link add br-ex type bridge forward_delay 0
  inside link set dev br-ex alias "$mark"
}

forward() { echo 1 >"/proc/sys/net/ipv4/conf/$INTERFACE/forwarding"; }
set_inside() { nsenter --net="/run/netns/$NETNS" sh -c "echo 1 >/proc/sys/$1"; }

interfaces() {
  ensure "network namespace $NETNS" namespace_is_current make_namespace
  ensure "interface $INTERFACE" pair_is_whole make_pair
  ensure "address of $INTERFACE" "ip -o addr show dev $INTERFACE | grep -F ' $MACHINE_ADDRESS/$MANAGEMENT_PREFIX '" \
    ip addr replace "$MACHINE_ADDRESS/$MANAGEMENT_PREFIX" dev "$INTERFACE"
  ensure "MTU of $INTERFACE" "is_up ip -o link show dev $INTERFACE" ip link set dev "$INTERFACE" mtu "$MTU" up
  # What comes from the cloud is forwarded, to where it is rejected (see below); else it would be dropped without a word.
  ensure "forwarding from $INTERFACE" "grep -x 1 /proc/sys/net/ipv4/conf/$INTERFACE/forwarding" forward
  ensure "address of the container" "inside -o addr show dev mgmt0 | grep -F ' $CONTAINER_ADDRESS/$MANAGEMENT_PREFIX '" \
    inside addr replace "$CONTAINER_ADDRESS/$MANAGEMENT_PREFIX" dev mgmt0
  ensure "loopback of the container" "inside -o link show dev lo | grep -F ,UP" inside link set dev lo up
  ensure "MTU of the container" "is_up inside -o link show dev mgmt0" inside link set dev mgmt0 mtu "$MTU" up
  ensure "default route of the container" "inside route show default | grep -F 'via $MACHINE_ADDRESS dev mgmt0'" \
    inside route replace default via "$MACHINE_ADDRESS"
  # the provider bridge of the external network, with that network's gateway on it
  ensure "external bridge" "inside link show dev br-ex" make_bridge
  ensure "MTU of the external bridge" "is_up inside -o link show dev br-ex" inside link set dev br-ex mtu "$MTU" up
  ensure "external gateway" "inside -o addr show dev br-ex | grep -F ' $EXTERNAL_GATEWAY/$EXTERNAL_PREFIX '" \
    inside addr replace "$EXTERNAL_GATEWAY/$EXTERNAL_PREFIX" dev br-ex
  ensure "route to the floating addresses" \
    "ip route show exact $EXTERNAL_NETWORK | grep -F 'via $CONTAINER_ADDRESS dev $INTERFACE'" \
    ip route replace "$EXTERNAL_NETWORK" via "$CONTAINER_ADDRESS" dev "$INTERFACE"
  [ "$verb" = check ] && ! namespace_is_usable &>/dev/null && return
  local setting
  # security groups are iptables rules, which see bridged packets only with these
  for setting in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables net/bridge/bridge-nf-call-ip6tables; do
    ensure "$setting of the container" "nsenter --net=/run/netns/$NETNS grep -x 1 /proc/sys/$setting" set_inside "$setting"
  done
}

# --- packet filter ----------------------------------------------------------------------------------------------------

# The rules as iptables-save prints them, so that they can be compared. Without egress the cloud reaches neither the
# outside nor this machine, and is told so at once rather than left to time out.
filter_rules() {
  local network answered="-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
  local reject="-j REJECT --reject-with icmp-admin-prohibited"
  [ "$EGRESS" = True ] || echo "-A INPUT -i $INTERFACE -j ${chains[0]}"
  echo "-A FORWARD -i $INTERFACE -j ${chains[0]}"
  echo "-A FORWARD -o $INTERFACE -j ${chains[1]}"
  echo "-A ${chains[0]} $answered"
  if [ "$EGRESS" = True ]; then echo "-A ${chains[0]} -j ACCEPT"; else echo "-A ${chains[0]} $reject"; fi
  echo "-A ${chains[1]} $answered"
  for network in $CLIENT_NETWORKS; do echo "-A ${chains[1]} -s $network -j ACCEPT"; done
  echo "-A ${chains[1]} $reject"
}

nat_rules() {
  [ "$EGRESS" = True ] || return 0
  echo "-A POSTROUTING -j ${chains[2]}"
  echo "-A ${chains[2]} -s $CONTAINER_ADDRESS/32 ! -o $INTERFACE -j MASQUERADE"
  echo "-A ${chains[2]} -s $EXTERNAL_NETWORK ! -o $INTERFACE -j MASQUERADE"
}

present_rules() { iptables-save --table "$1" 2>/dev/null | grep -E -- "^-A .*(${chains[0]}|${chains[1]}|${chains[2]})( |$)" || true; }
wanted_rules() { "$1_rules" | sort; }
rules_are_there() { [ "$(present_rules "$1" | sort)" = "$(wanted_rules "$1")" ]; }

# The text for iptables-restore that takes away all of ours in a table
removal() {
  local table=$1 chain
  # flushing and deleting a chain wants that it exists: naming it makes it, or empties it
  echo "*$table"
  for chain in "${chains[@]}"; do echo ":$chain - [0:0]"; done
  present_rules "$table" | grep -vE -- "^-A (${chains[0]}|${chains[1]}|${chains[2]}) " | sed 's/^-A/-D/' || true
  for chain in "${chains[@]}"; do echo "-X $chain"; done
  echo COMMIT
}

remove_rules() { [ -z "$(iptables-save --table "$1" 2>/dev/null | grep -F -- "$INTERFACE-")" ] || removal "$1" | iptables-restore --noflush --wait; }

make_rules() {
  remove_rules "$1"
  # inserted at the front: what a firewall of the machine appends must not come first
  {
    echo "*$1"
    wanted_rules "$1" | grep -oE -- "-j $INTERFACE-[a-z]+" | sort -u | sed 's/-j \(.*\)/:\1 - [0:0]/' || true
    "$1_rules" | sed -E 's/^-A (INPUT|FORWARD|POSTROUTING) /-I \1 /'
    echo COMMIT
  } | iptables-restore --noflush --wait
}

packet_filter() {
  local table
  for table in filter nat; do ensure "rules in the table $table" "rules_are_there $table" make_rules $table; done
}

# --- settings of the machine's kernel -----------------------------------------------------------------------------------

# at_least SETTING VALUE: raises it, and notes what it was
at_least() {
  local file=/proc/sys/${1//.//}
  ensure "$1" "[ \$(<$file) -ge $2 ]" raise "$1" "$2"
}
raise() {
  local file=/proc/sys/${1//.//}
  grep -qs "^$1 " "$sysctl_before" || echo "$1 $(<"$file") $2" >>"$sysctl_before"
  echo "$2" >"$file"
}

settings() {
  # systemd in the container, and what it starts, watch files on root's account
  at_least fs.inotify.max_user_instances 1024
  # neighbours of all namespaces count together: a cohort's worth of VMs and routers
  at_least net.ipv4.neigh.default.gc_thresh3 16384
  if [ "$EGRESS" = True ] || [ -n "$CLIENT_NETWORKS" ]; then at_least net.ipv4.ip_forward 1; fi
}

restore_settings() {
  local setting before ours file
  [ -e "$sysctl_before" ] || return 0
  while read -r setting before ours; do
    file=/proc/sys/${setting//.//}
    # somebody else's later word counts
    [ "$(<"$file")" != "$ours" ] || echo "$before" >"$file"
  done <"$sysctl_before"
  rm "$sysctl_before"
  echo "changed: kernel settings"
}

# --- verbs ------------------------------------------------------------------------------------------------------------

up() {
  refuse_foreign_things
  [ "$verb" = check ] || modprobe --all --quiet br_netfilter vxlan ip_set ebtables 2>/dev/null || true # often built in
  settings
  interfaces
  packet_filter
}

down() {
  local table
  for table in filter nat; do
    if [ -n "$(present_rules $table)" ]; then
      remove_rules $table
      echo "changed: rules in the table $table"
    fi
  done
  if interface_is_ours; then
    ip link delete dev "$INTERFACE"
    echo "changed: interface $INTERFACE"
  fi
  if namespace_is_usable &>/dev/null && namespace_is_ours; then
    ip netns delete "$NETNS"
    echo "changed: network namespace $NETNS"
  elif [ -e "/run/netns/$NETNS" ] && ! namespace_is_usable &>/dev/null; then
    rm "/run/netns/$NETNS"
    echo "changed: name of a lost network namespace $NETNS"
  fi
  restore_settings
}

case $verb in
  up | check) up ;;
  down) down ;;
  *) fail "usage: $0 up|check|down" ;;
esac
