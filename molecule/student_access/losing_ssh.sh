#!/bin/sh
# losing_ssh.sh ARGUMENTS: ssh, but the answer to the first confirmation is lost after the host has got it.
ssh "$@"
status=$?
case $* in
*"/guard confirm "*) mkdir "$MOLECULE_EPHEMERAL_DIRECTORY/lost" 2> /dev/null && exit 255 ;;
esac
exit $status
