#!/usr/bin/env bash
# Checks the queries of the dashboards and alerts against a running service that a real Prometheus
# scrapes: each metric, label and label value must exist. Takes about 20 s.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

trap stop_running EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

require_rust
has python3 || apt_install python3
./scripts/get-nats.sh
./scripts/get-prometheus.sh
build_debug federation --quiet
run python3 scripts/check_queries/main.py "$BINARIES/federation" .tools/bin/nats-server \
  .tools/bin/prometheus || fail "a query does not match the metrics of the service"
