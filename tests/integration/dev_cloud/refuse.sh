#!/bin/bash
# What the role dev_cloud refuses, and in which words. No cloud is started: seconds, not minutes.
source "$(dirname "$0")/lib.sh"

# refuses WORDS [ARGUMENT…]: the play fails with these words
refuses() {
  local words=$1
  shift
  ! play dev_cloud --check "$@" >/dev/null && grep -qF -- "$words" "$log"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"; ip link delete dev "$interface" 2>/dev/null || true; ip netns delete "$netns" 2>/dev/null || true' EXIT

check "not a range" refuses "dev_cloud_management_network: Octet 300" -e dev_cloud_management_network=10.0.0.300/24
check "too small a range" refuses "10.97.0.0/30 is too small" -e dev_cloud_external_network=10.97.0.0/30
check "ranges that overlap" refuses "10.97.0.0/16 overlap" -e dev_cloud_external_network=10.97.0.0/16
address=$(ip -o -4 address show scope global | awk '{print $4; exit}')
check "a range in use" refuses "overlaps with the " -e "dev_cloud_external_network=${address%.*.*}.0.0/16"
check "too little disk" refuses "building the cloud needs 100000000 MiB" -e dev_cloud_min_free_disk_build=100000000 -e dev_cloud_name=none
check "too little memory" refuses "the cloud needs 100000000 MiB" -e dev_cloud_min_free_memory=100000000

# Another user, in a user namespace of its own: it may read what is root's, also where the home directory is closed to others.
ansible-playbook() {
  HOME=$scratch unshare --user --map-user=65534 --map-group=65534 "$(type -P ansible-playbook)" "$@"
}
check "another user than root" refuses "Run the playbook as root"
unset -f ansible-playbook

ip link add "$interface" type bridge
check "somebody else's interface" refuses "there is an interface $interface, and it is not one of the cloud $name"
play dev_cloud_destroy
check "destroy leaves it alone" test -e "/sys/class/net/$interface"
ip link delete dev "$interface"

ip netns add "$netns"
ip -netns "$netns" link add br0 type bridge
ip -netns "$netns" address add 192.0.2.200/32 dev br0
check "somebody else's namespace" refuses "there is a network namespace $netns, and it is not one of the cloud $name"
play dev_cloud_destroy
check "destroy leaves it alone" ip netns exec "$netns" test -e /proc/sys/net/ipv4/conf/br0
echo "$passed passed, 0 failed"
