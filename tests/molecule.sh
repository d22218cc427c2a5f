#!/usr/bin/env bash
# Runs one molecule scenario: a line when it passes; the tasks that failed, and where the whole log is, when it does not.
set -euo pipefail
scenario=$1
log=build/molecule/$scenario.log
mkdir -p "${log%/*}"
started=$SECONDS
# `make test` emulates VMs beside, and everything after them waits for these
if NO_COLOR=1 COLUMNS=160 nice -n 3 molecule test --scenario-name "$scenario" > "$log" 2>&1; then
  echo "molecule: $scenario passed in $((SECONDS - started)) s"
else
  echo "molecule: $scenario FAILED after $((SECONDS - started)) s; the tasks that failed (some may be meant to):"
  awk '/^(TASK|PLAY|RUNNING HANDLER) / {if (failed) print block; block = ""; failed = 0}
       /^(fatal|failed): / {failed = 1}
       {block = block "\n" $0}' "$log" | tail -n 150
  grep '^ERROR' "$log" || true
  echo "The whole log: $log"
  exit 1
fi
