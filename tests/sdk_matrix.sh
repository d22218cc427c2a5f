#!/usr/bin/env bash
# The unit tests of what speaks to a cloud, with the oldest openstacksdk that README.md promises and with the newest.
set -euo pipefail
cd "$(dirname "$0")/.."
for version in ==4.0.0 ''; do
  directory=.cache/sdk${version#==}
  .venv/bin/python -m venv --clear "$directory"
  # Beside it the rest is what `make setup` installed.
  "$directory/bin/pip" install --quiet "openstacksdk$version"
  .venv/bin/python -c 'import site; print(site.getsitepackages()[0])' >"$directory/lib/$(ls "$directory/lib")/site-packages/rest.pth"
  "$directory/bin/python" -c 'import importlib.metadata as m; print("openstacksdk", m.version("openstacksdk"), "keystoneauth1", m.version("keystoneauth1"))'
  "$directory/bin/python" -m pytest -q tests/unit/plugins/module_utils
done
