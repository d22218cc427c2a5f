#!/usr/bin/env bash
# ansible-test insists on a path that ends in ansible_collections/<namespace>/<name>, without links, and on git:
# give it a copy of what git would commit. Its tools go into .cache, so that nothing is left in the home directory.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
copy=build/sanity/ansible_collections/ouseful/coursevm
rm -rf build/sanity
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --no-dereference -t "$copy" 2>/dev/null || true
export HOME=$root/.cache/ansible-test
# ansible-test fetches pip's installer from Ansible's own site, which a university's mirror does not have. Python brings one along.
mkdir -p "$HOME/.ansible/test/cache"
installer=$HOME/.ansible/test/cache/get_pip_24_2.py
[ -e "$installer" ] || printf 'import ensurepip\nensurepip.bootstrap()\n' > "$installer"
cd "$copy"
git init --quiet . && git add --all
python_version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# ruff looks at more than pylint would; there is no PowerShell here; and the shebang test knows no plain "#!/bin/bash", which
# the files that roles install on their hosts rightly have
exec ansible-test sanity --venv --python "$python_version" --color no --skip-test pylint --skip-test pslint --skip-test shebang "$@"
