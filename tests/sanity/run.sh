#!/usr/bin/env bash
# ansible-test insists on a path that ends in ansible_collections/<namespace>/<name>, without links, and on git:
# give it a copy of what git would commit.
set -euo pipefail
cd "$(dirname "$0")/../.."
copy=build/sanity/ansible_collections/ouseful/coursevm
rm -rf build/sanity
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --no-dereference -t "$copy" 2>/dev/null
cd "$copy"
git init --quiet . && git add --all
python_version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
exec ansible-test sanity --venv --python "$python_version" --color no "$@"
