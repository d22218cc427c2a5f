#!/bin/bash
# Nothing of a cloud stays on the machine after it was destroyed: what can be listed is the same as before it was started.
source "$(dirname "$0")/lib.sh"

# Volatile counters do not tell anything; empty tables with their built-in chains appear when iptables is first used.
# Nothing else may start or stop containers or networks meanwhile: it would be seen.
snapshot() {
  echo '== namespaces' && ip netns | sed 's/ (id.*//' | sort
  echo '== links' && ip -o link | sed 's/^[0-9]*: //; s/ qlen.*//' | sort
  echo '== routes' && ip route show table all | sort
  echo '== rules' && { iptables-save && ip6tables-save; } | awk '/^\*/ {table = $1} /^-|^:[^ ]+ -/ {print table, $0}'
  if command -v nft >/dev/null; then echo '== nft' && nft --stateless list ruleset; fi
  echo '== containers' && podman ps --all --format '{{.Names}}' | sort
  echo '== mounts' && awk '{print $2}' /proc/mounts | sort -u
  echo '== settings' && sysctl --all 2>/dev/null |
    grep -vE '^(kernel\.random|kernel\.ns_last_pid|kernel\.pty|fs\.(dentry|inode|file|aio)|fs\.quota|net\.netfilter\.nf_conntrack_count|kernel\.perf_event_max|net\..*\.(eth|veth|cvm-))' | sort
  echo '== state' && ls -d "$state" 2>/dev/null || true
}

play dev_cloud_destroy
before=$(snapshot)

play dev_cloud --check
check "check mode says that it would start" test "$(changed)" = 1
check "check mode has started nothing" diff <(echo "$before") <(snapshot)

play dev_cloud -e dev_cloud_egress=true
check "a cloud with a way out works" cloud_answers
check "it is seen in the snapshot" test "$before" != "$(snapshot)"

play dev_cloud_destroy --check
check "check mode of destroy leaves it alone" cloud_answers
play dev_cloud_destroy
check "destroy says what it did" test "$(changed)" -gt 0
check "destroy has left nothing" diff <(echo "$before") <(snapshot)
play dev_cloud_destroy
check "destroying nothing changes nothing" test "$(changed)" = 0
echo "$passed passed, 0 failed"
