# shellcheck shell=bash
# Sourced by the tests of the role dev_cloud. They need root, 5 GiB of memory, and the repository as working directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

second=tests/integration/dev_cloud/second.yml
value() { sed -n "s/^$1: //p" "$second"; }
name=$(value dev_cloud_name)
interface=$(value dev_cloud_host_interface)
netns=$(value dev_cloud_netns)
state=$(value dev_cloud_state_dir)
log=$(mktemp)

# play PLAYBOOK [ARGUMENT…]: runs it for the second cloud; its output is shown only when it fails
play() {
  local playbook=$1
  shift
  ansible-playbook -i localhost, "ouseful.coursevm.$playbook" -e @"$second" "$@" >"$log" 2>&1 || {
    cat "$log"
    return 1
  }
}
changed() { sed -n 's/.* changed=\([0-9]*\) .*/\1/p' "$log" | tail -1; }

passed=0
# check "what" COMMAND…
check() {
  local what=$1
  shift
  if "$@"; then
    echo "ok: $what"
    passed=$((passed + 1))
  else
    echo "FAILED: $what"
    exit 1
  fi
}

# Asks the cloud itself, as its user; a token takes keystone, the database and memcached.
cloud_answers() {
  OS_CLIENT_CONFIG_FILE=$state/clouds.yaml python - <<'PYTHON'
import openstack
cloud = openstack.connect(cloud='coursevm-dev')
assert [network.name for network in cloud.network.networks(is_router_external=True)] == ['public']
assert {zone.name for zone in cloud.compute.availability_zones()} == {'nova', 'fake'}
PYTHON
}
starts_and_answers() { play dev_cloud && cloud_answers; }
