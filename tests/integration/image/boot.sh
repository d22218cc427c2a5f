#!/bin/bash
# boot.sh IMAGE.qcow2: boots the image as a cloud would (config drive, virtio, a disk bigger than the
# image), without one, and asks the running system. The image is not changed. Needs qemu-system-x86_64, genisoimage, ssh.
set -eu -o pipefail
image=$(readlink -f "$1")
work=$(mktemp -d)
qemu=
finish() {
    local status=$?
    if [ -n "$qemu" ]; then kill "$qemu" 2> /dev/null || true; fi
    if [ $status -ne 0 ]; then tail -n 40 "$work/console" >&2; fi
    rm -rf "$work"
}
trap finish EXIT

ssh-keygen -q -t ed25519 -N '' -f "$work/key"
latest=$work/drive/openstack/latest
mkdir -p "$latest"
cat > "$latest/user_data" << YAML
#cloud-config
ssh_authorized_keys: ["$(cat "$work/key.pub")"]
users: [default, {name: tester, groups: [users], shell: /bin/bash}]
write_files: [{path: /etc/coursevm-test, content: written}]
runcmd: [[sh, -c, "echo run > /run/coursevm-test"]]
YAML
cat > "$latest/meta_data.json" << JSON
{"uuid": "5e9c0b4e-0000-4000-8000-$(printf %012x $$)", "hostname": "course-image.test", "name": "course-image"}
JSON
cat > "$latest/network_data.json" << JSON
{"links": [{"id": "tap0", "type": "ovs", "ethernet_mac_address": "fa:16:3e:00:00:01", "mtu": 1400}],
 "networks": [{"id": "network0", "type": "ipv4_dhcp", "link": "tap0"}], "services": []}
JSON
genisoimage -quiet -J -r -V config-2 -o "$work/drive.iso" "$work/drive"
qemu-img create -q -f qcow2 -b "$image" -F qcow2 "$work/disk.qcow2" 5G

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
started=$(date +%s.%N)
qemu-system-x86_64 -accel "${ACCEL:-tcg,thread=multi}" -machine pc -smp 2 -m 1024 -nographic -monitor none \
    -serial "file:$work/console" \
    -drive "file=$work/disk.qcow2,if=virtio,cache=unsafe" -drive "file=$work/drive.iso,if=virtio,format=raw,readonly=on" \
    -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=n,mac=fa:16:3e:00:00:01 \
    -device virtio-rng-pci < /dev/null > "$work/qemu.log" 2>&1 &
qemu=$!

seconds() { awk "BEGIN {printf \"%.0f\", $(date +%s.%N) - $started}"; }
vm() {
    ssh -q -i "$work/key" -p "$port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=20 \
        -o ControlMaster=auto -o ControlPath="$work/ssh" -o ControlPersist=60 debian@127.0.0.1 "$@"
}
until vm true; do
    kill -0 "$qemu"
    if [ "$(seconds)" -gt 600 ]; then echo "no SSH after 600 s" >&2; exit 1; fi
    sleep 1
done
echo "SSH after $(seconds) s"

passed=0
failed=0
expect() { # NAME EXPECTED COMMAND
    local answer
    answer=$(vm "$3" 2>&1) || true
    if [[ $answer =~ $2 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1: '$3' said '$answer', expected '$2'"
    fi
}
expect 'cloud-init ends' 'status: done' 'cloud-init status --wait'
echo "cloud-init done after $(seconds) s"
expect 'cloud-init has no errors' '"errors": \[\]' 'sudo cat /run/cloud-init/result.json'
expect 'config drive is the datasource' 'ConfigDrive' 'sudo cat /run/cloud-init/result.json'
expect 'systemd has no failed unit' '^$' 'systemctl --failed --no-legend'
expect 'host name' '^course-image$' 'hostname -s'
expect 'write_files' '^written$' 'cat /etc/coursevm-test'
expect 'runcmd' '^run$' 'cat /run/coursevm-test'
expect 'users' 'uid=.*tester' 'id tester'
expect 'sudo without password' '^0$' 'sudo -n id -u'
expect 'password login is closed' '^passwordauthentication no' 'sudo sshd -T | grep ^passwordauthentication'
expect 'root has grown to the disk' '^[45]$' 'df --output=size -BG / | tail -n 1 | tr -dc 0-9'
expect 'host keys are this machine'"'"'s own' '^[1-9]' 'ls /etc/ssh/ssh_host_*_key | wc -l'
expect 'machine id is its own' '^[0-9a-f]{32}$' 'cat /etc/machine-id'
expect 'resolver is the stub' 'systemd' 'readlink -f /etc/resolv.conf'
expect 'apt sources of the suite' 'bookworm-security main' 'cat /etc/apt/sources.list.d/*.list'
expect 'no package lists are kept' '^0$' 'find /var/lib/apt/lists -type f -name "*Packages*" | wc -l'
expect 'ansible.builtin.apt can work' '^apt$' '/usr/bin/python3 -c "import apt; print(apt.__name__)"'
expect 'nginx waits for its role' '^disabled$' 'systemctl is-enabled nginx'
expect 'nobody listens but SSH' '^22$' 'ss -Hltn | grep -v -e 127.0.0 -e "\[::1\]" | sed "s/.*:\([0-9]*\) .*/\1/" | sort -u'
expect 'Jupyter environment' 'jupyterlab *: 4' '/opt/coursevm/jupyter/bin/jupyter --version'
expect 'Jupyter is compiled' '^0$' \
    'find /opt/coursevm/jupyter/lib -name "__init__.py" -not -path "*templates*" -printf "%h\n" | while read -r d; do ls $d/__pycache__/__init__.*.pyc > /dev/null 2>&1 || echo $d; done | wc -l'
vm 'cloud-init analyze blame 2> /dev/null | head -n 6; systemd-analyze; df -h /; free -m' || true
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
