#!/usr/bin/env bash
# The Debian packages that the tests use beside Python's. Does nothing when they are there.
set -euo pipefail
packages=(conmon genisoimage iproute2 iptables mmdebstrap nginx-light openssh-client podman qemu-system-x86 qemu-utils runc squid
  tinyproxy-bin)
missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0
echo "Installing ${missing[*]}"
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
