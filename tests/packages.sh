#!/usr/bin/env bash
# The Debian packages that the tests use beside Python's. Does nothing when they are there.
set -euo pipefail
packages=(chromium conmon eatmydata genisoimage gpg iproute2 iptables mmdebstrap nginx-light openssh-client podman
  qemu-system-x86 qemu-utils runc squid tinyproxy-bin)
missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0
echo "Installing ${missing[*]}"
# The tests start what they need themselves: no service of these packages is to listen on this machine
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
