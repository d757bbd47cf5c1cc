#!/usr/bin/env bash
# Runs the servers that the tests need until Ctrl-C, for use with plain cargo.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cleanup() {
  trap '' INT TERM
  stop_postgres
}
trap cleanup EXIT
trap 'exit 0' INT TERM

./scripts/get-nats.sh
./scripts/get-postgres.sh
./scripts/get-pgbouncer.sh
start_postgres
cat <<END
Run this in the terminal in which you run cargo test --workspace (the tests start NATS servers
themselves):

  export FEDERATION_TEST_POSTGRES=$FEDERATION_TEST_POSTGRES

Press Ctrl-C to stop Postgres.
END
wait "$POSTGRES_PID" || fail "Postgres stopped unexpectedly"
