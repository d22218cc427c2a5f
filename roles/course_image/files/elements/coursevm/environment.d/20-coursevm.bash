# What diskimage-builder's own elements are told. COURSEVM_* comes from the role.
export DIB_CLOUD_INIT_DATASOURCES="ConfigDrive, OpenStack"
# cloud-init and systemd-networkd bring the network up
export DIB_APT_MINIMAL_CREATE_INTERFACES=0

# One run of mmdebstrap brings nearly everything; a run of apt for every element would take twice as long.
_packages=acl,ca-certificates,cloud-guest-utils,cloud-init,dbus,gnupg2,iproute2,isc-dhcp-client,locales,lsb-release
_packages+=,lz4,netbase,openssh-server,procps,python3,python3-apt,python3-packaging,python3-venv,sudo,systemd-sysv,tzdata
if [ "$COURSEVM_PROFILE" = full ]; then
    _packages+=,iputils-ping,less,libpam-systemd,man-db,systemd-timesyncd,vim-tiny
else
    export DIB_BOOTLOADER_DEFAULT_CMDLINE="net.ifnames=0 quiet loglevel=3 mitigations=off nokaslr audit=0 apparmor=0 fsck.mode=skip systemd.show_status=0"
    export DIB_GRUB_TIMEOUT=0
fi
export DIB_MMDEBSTRAP_EXTRA_ARGS="--include=$_packages${COURSEVM_PACKAGES:+,$COURSEVM_PACKAGES} ${DIB_MMDEBSTRAP_EXTRA_ARGS:-}"
unset _packages

# mmdebstrap takes all the sources at once, so that no package is installed twice, old and then updated.
export DIB_DISTRIBUTION_MIRROR=$(sed -n "s/^[^:]*:\(deb .*[^ ]\) */'\1'/p" <<< "$DIB_APT_SOURCES_CONF" | paste -sd ' ')
