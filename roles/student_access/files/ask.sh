# ask.sh USER: what is to be known of the host before anything is changed, one fact a line. Root runs it, so whatever belongs to
# the student is read as the student, and not for ever.
echo "login ${SUDO_USER:-$(id -un)}"
if account=$(getent passwd "$1"); then
    echo "uid $(id -u "$1")"
    echo "account $(id -gn "$1") $(passwd --status "$1" | cut -d ' ' -f 2) ${account##*:}"
    home=${account%:*}
    echo "keys $(timeout 5 runuser -u "$1" -- sh -c '
        cd "$1/.ssh" && stat -c %a authorized_keys && sed -n "/^# BEGIN keys of/,/^# END keys of/p" authorized_keys
    ' sh "${home##*:}" 2> /dev/null | sha256sum | cut -d ' ' -f 1)"
fi
for command in nft unattended-upgrade; do
    if command -v "$command" > /dev/null; then echo "command $command"; fi
done
