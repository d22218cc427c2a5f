#!/usr/bin/env bash
# With the oldest openstacksdk that README.md promises, the oldest that needs no C compiler, and the newest: the unit
# tests of what speaks to a cloud, and the life of a cohort on the dev cloud where it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
clouds=${OS_CLIENT_CONFIG_FILE:-/var/lib/coursevm/dev_cloud/clouds.yaml}
for version in ==1.0.0 ==4.2.0 ''; do
  directory=.cache/sdk${version#==}
  .venv/bin/python -m venv --clear "$directory"
  # Beside it the rest is what `make setup` installed.
  "$directory/bin/pip" install --quiet "openstacksdk$version"
  .venv/bin/python -c 'import site; print(site.getsitepackages()[0])' >"$directory/lib/$(ls "$directory/lib")/site-packages/rest.pth"
  "$directory/bin/python" -c 'import importlib.metadata as m; print("openstacksdk", m.version("openstacksdk"), "keystoneauth1", m.version("keystoneauth1"))'
  "$directory/bin/python" -m pytest -q tests/unit/plugins/module_utils
  if [ -e "$clouds" ]; then
    "$directory/bin/python" -m pytest -q tests/integration/sdk
  else
    echo "There is no dev cloud: unit tests only"
  fi
done
