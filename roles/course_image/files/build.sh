#!/bin/bash
# build.sh IMAGE.qcow2: builds the image and puts it in place when it is complete, with its log beside it.
# The variables DIB_* and COURSEVM_* come from the role; diskimage-builder is in .builder of the image's folder.
set -eu -o pipefail
image=$1
here=$(dirname "$(readlink -f "$0")")
builder=$(dirname "$image")/.builder
work=$(mktemp -d "$(dirname "$image")/.build.XXXXXX")

finish() {
    local status=$?
    rm -rf --one-file-system "$work"
    if [ $status -ne 0 ]; then
        echo "Building $image failed; the end of $image.log:" >&3
        tail -n 40 "$image.log" | cut -c 1-300 >&3
    fi
}
trap finish EXIT
exec 3>&2 > "$image.log" 2>&1

# pip inside the image has this machine's indexes, but not its files.
for option in index-url extra-index-url trusted-host proxy; do
    variable=PIP_$(tr a-z- A-Z_ <<< "$option")
    value=${!variable:-$("$builder/bin/pip" config get "global.$option" 2> /dev/null || true)}
    value=$(tr ' ' '\n' <<< "$value" | sed '/^file:/d' | paste -sd ' ')
    if [ -n "$value" ]; then export "$variable=$value"; else unset "$variable"; fi
done
unset PIP_FIND_LINKS PIP_CONSTRAINT PIP_REQUIREMENT PIP_CONFIG_FILE

export PATH=$builder/bin:$PATH:/usr/sbin:/sbin
if ! grep -qw device-mapper /proc/misc || ! command -v sudo > /dev/null; then
    PATH=$here/shims:$PATH
fi
export ELEMENTS_PATH=$here/elements COURSEVM_ELEMENT=$here/elements/coursevm
export TMPDIR=$work DIB_IMAGE_CACHE=$builder/cache HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
mkdir -p "$DIB_IMAGE_CACHE"

# -n: not the element "base", which brings software-properties-common and iSCSI
disk-image-create -n --no-tmpfs -t qcow2 -o "$work/image" ${COURSEVM_DIB_OPTIONS:-} coursevm
mv "$work/image.qcow2" "$image"

# earlier generations of the same image
find "$(dirname "$image")" -maxdepth 1 -regextype posix-extended \
    -regex ".*/$(basename "${image%-*}")-[0-9a-f]{16}\.qcow2(\.log)?" ! -name "$(basename "$image")*" -delete
