#!/bin/bash
# Runs once, as root, in the container that the cloud's image is built in: makes the passwords, puts the configuration
# files in their places, creates databases, accounts and endpoints, and starts every service.
# This container has no network: what the services listen on and bind to is made here, and a build never disturbs a cloud
# that runs.
# Standard input: a JSON object with the text of every file, by path.
set -euo pipefail

state=/etc/coursevm
lib=/usr/local/lib/coursevm
started=$SECONDS

say() { echo "[$((SECONDS - started)) s] $*"; }

as() {
  local user=$1
  shift
  runuser -u "$user" -- "$@"
}

# The passwords are made here and stay here: the image that is kept of this container carries them, the machine's disk
# has only those of the two accounts in clouds.yaml.
make_passwords() {
  local name
  install -d -m 0755 $state
  (
    umask 077
    for name in admin demo service database messaging metadata; do
      echo "$name=$(tr -dc 'A-Za-z0-9' </dev/urandom | head -c 32)"
    done >$state/passwords
  )
}

place_files() {
  local name password file service
  python3 -c '
import json, pathlib, sys
for path, text in json.load(sys.stdin).items():
    path = pathlib.Path("/", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755 if path.parent.name == "sbin" else 0o644)
'
  for service in keystone glance placement nova neutron cinder heat; do
    chgrp -R $service /etc/$service
    chmod -R u=rwX,g=rX,o= /etc/$service
  done
  chmod 0600 $state/clouds.yaml
  # only now that nobody else can read the files
  while IFS='=' read -r name password; do
    grep -rlZ "@${name}_password@" /etc/{coursevm,keystone,glance,placement,nova,neutron,cinder,heat} |
      xargs --null --no-run-if-empty sed -i --file=<(echo "s/@${name}_password@/$password/g")
  done <$state/passwords
  # keystone and placement stay under uwsgi, with as many processes as two cores can feed. One thread each: libraries of theirs
  # import eventlet, whereupon oslo.log guards its files by a pipe, and threads that log at once may wait for it for good.
  # Keystone's closes every connection without saying so, unlike placement's: a client that sends meanwhile is reset.
  sed -i -e 's/^processes = .*/processes = 3/' -e 's/^threads = .*/threads = 1/' -e '/^rem-header = /a add-header = Connection: close' \
    /etc/keystone/keystone-uwsgi.ini
  sed -i -e 's/^processes = .*/processes = 2/' -e 's/^threads = .*/threads = 1/' /etc/placement/placement-api-uwsgi.ini
}

# systemd reads NAME-.service.d for every unit whose name begins with NAME-
place_units() {
  local name
  for name in keystone glance- placement- nova- neutron- cinder- heat-; do
    install -D -m 0644 $lib/service.conf /etc/systemd/system/$name.service.d/coursevm.conf
  done
  for name in linuxbridge dhcp l3 metadata; do
    install -D -m 0644 $lib/agent.conf /etc/systemd/system/neutron-$name-agent.service.d/coursevm.conf
  done
  systemctl daemon-reload
  xargs systemctl mask --now --quiet <$state/units.masked || true # some of them were never installed
  xargs systemctl stop <$state/units
  xargs systemctl enable --quiet <$state/units
  systemctl reset-failed
}

make_network() {
  ip link add mgmt0 type bridge
  ip address add "$address/32" dev mgmt0
  ip link set dev mgmt0 up
  ip link add br-ex type bridge
  ip link set dev br-ex up
}

start_base_services() {
  systemctl restart mariadb memcached libvirtd rabbitmq-server
}

create_databases() {
  local name
  {
    for name in 127.0.0.1 localhost; do
      echo "CREATE USER coursevm@$name IDENTIFIED BY '$database_password'; GRANT ALL ON *.* TO coursevm@$name;"
    done
    for name in keystone glance placement nova nova_api nova_cell0 neutron cinder heat; do
      echo "CREATE DATABASE $name CHARACTER SET utf8mb3;"
    done
  } | mysql
  # from standard input: a process list is readable for everybody
  rabbitmqctl -q add_user openstack <<<"$messaging_password"
  rabbitmqctl -q set_permissions openstack '.*' '.*' '.*'
}

# Two at a time: a schema is made by one process that waits for the database half of the time.
fill_databases() {
  (
    as neutron neutron-db-manage --config-file /etc/neutron/neutron.conf \
      --config-file /etc/neutron/plugins/ml2/ml2_conf.ini upgrade heads &>/var/log/neutron/db-sync.log
    as heat heat-manage db_sync
    as cinder cinder-manage db sync
    say "schemas of neutron, heat and cinder"
  ) &
  local others=$!
  as keystone keystone-manage db_sync
  as keystone keystone-manage fernet_setup --keystone-user keystone --keystone-group keystone
  as keystone keystone-manage credential_setup --keystone-user keystone --keystone-group keystone
  OS_BOOTSTRAP_PASSWORD=$admin_password runuser -u keystone --preserve-environment -- keystone-manage bootstrap \
    --bootstrap-admin-url "http://$address:5000/v3/" --bootstrap-internal-url "http://$address:5000/v3/" \
    --bootstrap-public-url "http://$address:5000/v3/" --bootstrap-region-id RegionOne
  systemctl start keystone
  say "keystone bootstrapped"
  as nova nova-manage api_db sync
  as nova nova-manage cell_v2 map_cell0 # finds nova_cell0 by adding _cell0 to the name of the database of nova
  as nova nova-manage cell_v2 create_cell --name=cell1
  as nova nova-manage db sync
  as glance glance-manage db_sync
  as placement placement-manage db sync
  say "schemas of nova, glance and placement"
  wait $others
}

make_passwords
place_files
place_units
say "files and units are in their places"
# shellcheck source=/dev/null
source <(sed 's/=/_password=/' $state/passwords)
address=$(<$state/management_address)
make_network
start_base_services
create_databases
say "databases and messaging"
fill_databases
# before the others start: on a busy machine they would keep keystone from answering
python3 $lib/identity.py
say "accounts and endpoints"
xargs systemctl start --no-block <$state/units
