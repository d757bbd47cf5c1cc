#!/usr/bin/env bash
# Measures the service beside its limits and prints the table; see docs/PERFORMANCE.md.
#
#   ./scripts/bench.sh [--quick] [--json FILE] [ROW...]
#
# Rows: flood, list, one, http-heartbeats, registrations, lateness, start, million; without any, all.
# Once all is built, the whole takes about 25 minutes, and --quick (shorter times, and 100,000
# projects in place of a million) about 4. A target that is missed is no failure of this script.
# The machine should have nothing else to do: it says its load beside the figures.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# With fsync, unlike for the tests: what a transaction costs on disk is part of the measurement.
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

[[ "${1-}" != -h && "${1-}" != --help ]] || { sed -n '2,9s/^# \{0,1\}//p' "$0" && exit 0; }
require_rust
run ./scripts/get-nats.sh || fail "there is no NATS server"
run ./scripts/get-postgres.sh || fail "there is no Postgres"

heading "building for release"
run cargo build --release --package federation --package federation-bench \
  --features federation-bench/limits || fail "it does not build"

heading "a throw-away Postgres that writes to disk"
start_postgres
say "$FEDERATION_TEST_POSTGRES"

heading "measuring"
BUILT="${CARGO_TARGET_DIR:-target}/release"
SCRATCH="$(mktemp -d "${TMPDIR:-/tmp}/federation-bench.XXXXXX")"
run env TMPDIR="$SCRATCH" "$BUILT/bench" table --binary "$BUILT/federation" --nats-server "$ROOT/.tools/bin/nats-server" \
  --postgres-bin "$(postgres_bin)" --postgres-url "$FEDERATION_TEST_POSTGRES" "$@"
