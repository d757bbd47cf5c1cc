#!/usr/bin/env bash
# Measures the service, compares it with reference programs and prints a table.
# See docs/PERFORMANCE.md.
#
#   ./scripts/bench.sh [--quick] [--json FILE] [ROW...]
#
# Rows: flood, list, one, http-heartbeats, registrations, samples, lateness, start, million. The default is all
# of them. Without the build, all rows take about 25 minutes, and about 4 minutes with --quick, which
# measures for a shorter time and with 100,000 projects instead of a million. A missed target is not
# an error. The machine should be idle; the output includes its load.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Uses fsync, unlike the tests, because the measurement includes writing to disk.
postgres_server() {
  cd "$POSTGRES_DIR" || exit 1
  as_postgres "$1/postgres" -D "$POSTGRES_DIR/data" -h 127.0.0.1 -p "$2" -k "$POSTGRES_DIR" \
    -c max_connections=100 -c max_wal_size=4GB >"$POSTGRES_DIR.log" 2>&1
}

SCRATCH=""
cleanup() {
  trap '' INT TERM
  stop_running
  stop_postgres
  [[ -z "$SCRATCH" ]] || rm -rf "$SCRATCH"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

[[ "${1-}" != -h && "${1-}" != --help ]] || { sed -n '2,11s/^# \{0,1\}//p' "$0" && exit 0; }
require_rust
run ./scripts/get-nats.sh || fail "nats-server is not available"
run ./scripts/get-postgres.sh || fail "Postgres is not available"

heading "building for release"
run cargo build --release --package federation --package federation-bench \
  --features federation-bench/limits || fail "the build failed"

heading "starting a temporary Postgres that writes to disk"
start_postgres
say "$FEDERATION_TEST_POSTGRES"

heading "measuring"
BUILT="${CARGO_TARGET_DIR:-target}/release"
SCRATCH="$(mktemp -d "${TMPDIR:-/tmp}/federation-bench.XXXXXX")"
run env TMPDIR="$SCRATCH" "$BUILT/bench" table --binary "$BUILT/federation" --nats-server "$ROOT/.tools/bin/nats-server" \
  --postgres-bin "$(postgres_bin)" --postgres-url "$FEDERATION_TEST_POSTGRES" "$@"
