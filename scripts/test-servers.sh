#!/usr/bin/env bash
# Starts the servers that the tests need and keeps them until Ctrl-C, for work with plain cargo.
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
start_postgres
cat <<END
Say this in the terminal where you run cargo test --workspace (NATS servers are started by the tests themselves):

  export FEDERATION_TEST_POSTGRES=$FEDERATION_TEST_POSTGRES

Ctrl-C ends it here.
END
wait "$POSTGRES_PID" || fail "Postgres ended by itself"
