#!/bin/bash
# interrupt.sh HOST EPHEMERAL_DIRECTORY: a run that moves the SSH port and closes the old one is killed before it can find that out,
# and the host reboots before it has taken the change back.
set -eu
settings='{"Port": 2222, "PasswordAuthentication": false, "PermitRootLogin": false}'
inside() { podman exec "$1" sh -c "$2"; }
closed='nft list chain inet coursevm input 2>&1 | grep -q 2222'

ansible-playbook --inventory "$2/inventory" converge.yml --extra-vars "molecule_ephemeral_directory=$2" \
    --extra-vars "{student_access_firewall_ssh_port: 2222, student_access_sshd_settings: $settings}" > "$2/interrupted.log" 2>&1 &
run=$!
until inside "$1" "$closed"; do
    kill -0 "$run" || { tail -n 20 "$2/interrupted.log"; exit 1; }
    sleep 0.2
done
# shellcheck disable=SC2046 (each is a word)
kill -KILL $(pgrep --parent "$run") "$run"
wait "$run" || true

podman restart --time 5 "$1" > /dev/null
# The rules of the interrupted run are in force after the reboot, or this would prove nothing
for _ in $(seq 50); do
    if inside "$1" "$closed"; then exit; fi
    sleep 0.2
done
echo 'The firewall did not come back with the host'
exit 1
