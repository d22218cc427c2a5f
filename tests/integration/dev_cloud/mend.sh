#!/bin/bash
# Everything that may happen to a running cloud on a developer's machine, and whether starting it again mends that.
source "$(dirname "$0")/lib.sh"

init_pid() { podman container inspect --format '{{.State.Pid}}' "$name"; }

# Ends all that runs for the container, conmon as well, so that podman cannot notice: what a power loss or a crash of the
# machine's init leaves behind. The processes are found by their namespace and by conmon's own parent-child relation.
lose_power() {
  local init
  init=$(init_pid)
  kill -9 "$(ps -o ppid= -p "$init")" 2>/dev/null || true
  kill -9 "$init"
  while [ -e "/proc/$init" ]; do sleep 0.2; done
}
lose_name_of_namespace() { umount "/run/netns/$netns" && rm "/run/netns/$netns"; }
lose_after_reboot() {
  lose_power
  ip link delete "$interface"
  ip netns delete "$netns"
}

play dev_cloud_destroy
check "start" starts_and_answers
play dev_cloud
check "an unchanged start changes nothing" test "$(changed)" = 0

rm "$state/clouds.yaml"
check "a lost clouds file" starts_and_answers
ip link delete "$interface"
check "a lost interface" starts_and_answers
lose_name_of_namespace
check "a lost name of the namespace" starts_and_answers
iptables -D FORWARD -i "$interface" -j "$interface-from"
play dev_cloud
check "a lost rule is noticed" test "$(changed)" = 1
podman exec "$name" systemctl stop glance-api
check "a service that was stopped" starts_and_answers
lose_power
check "podman believes that it runs" test "$(podman container inspect --format '{{.State.Running}}' "$name")" = true
check "all processes killed" starts_and_answers
lose_after_reboot
check "a reboot" starts_and_answers
play dev_cloud_stop
check "stop" test "$(podman container inspect --format '{{.State.Running}}' "$name")" = false
play dev_cloud_stop
check "stopping twice changes nothing" test "$(changed)" = 0
check "start after a stop" starts_and_answers
play dev_cloud
check "and nothing is left to do" test "$(changed)" = 0
play dev_cloud_destroy
echo "$passed passed, 0 failed"
