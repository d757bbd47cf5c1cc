#!/usr/bin/env bash
# Checks the configuration of Prometheus and runs the tests of the alerts. Each alert must have a test
# in which it fires, and a row in docs/OPERATIONS.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

FOLDER=config/prometheus
OPERATIONS=docs/OPERATIONS.md

./scripts/get-prometheus.sh
# Also checks the rules.
.tools/bin/promtool check config "$FOLDER/prometheus.yaml" >&2 || fail "the configuration of Prometheus is invalid"
.tools/bin/promtool test rules "$FOLDER/federation.tests.yaml" >&2 || fail "a test of the alerts failed"

while read -r alert; do
  grep -qE "(alertname: |alertname=\")$alert\b" "$FOLDER/federation.tests.yaml" || fail "$alert has no test"
  grep -qF "| $alert |" "$OPERATIONS" || fail "$alert has no row in $OPERATIONS"
done < <(sed -n 's/^ *- alert: *//p' "$FOLDER/federation.rules.yaml")
