#!/bin/bash
# Builds the root file system with every package of the cloud in one mmdebstrap run and imports it into podman.
# Environment: IMAGE (name:tag to make), PACKAGES (comma separated), SUITE, SOURCES (lines of a sources.list),
#              BUILD_DIR (scratch space, ours alone).
set -euo pipefail

mkdir -p "$BUILD_DIR"
# A run that was interrupted may still be at work behind Ansible's back: wait for it rather than fight it.
exec 9>"$BUILD_DIR/lock"
flock 9
podman image exists "$IMAGE" && exit 0

# What a killed run left: mounts first, deepest first, else rm would reach through them.
awk -v dir="$BUILD_DIR/" 'index($2, dir) == 1 {print $2}' /proc/mounts | sort -r | xargs --no-run-if-empty umount --lazy
find "$BUILD_DIR" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +

# Both podman and mmdebstrap put their scratch files where TMPDIR says.
export TMPDIR=$BUILD_DIR DEBIAN_FRONTEND=noninteractive
# The cloud's own services never need manuals and translations; recommended packages would bring in a second cloud.
eatmydata mmdebstrap --mode=root --variant=minbase --format=tar --include="$PACKAGES" \
  --aptopt='Apt::Install-Recommends "false"' \
  --aptopt='Dpkg::Use-Pty "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  "$SUITE" - - <<<"$SOURCES" |
  podman import --quiet --change 'CMD ["/sbin/init"]' --change 'STOPSIGNAL=SIGRTMIN+3' - "${IMAGE%:*}:incomplete"

# The name is given only to a whole file system: a truncated archive ends above (pipefail).
podman tag "${IMAGE%:*}:incomplete" "$IMAGE"
podman untag "${IMAGE%:*}:incomplete" "${IMAGE%:*}:incomplete"
