#!/usr/bin/env bash
# Runs the service under random faults and checks its statements against a model.
#
#   ./scripts/faults.sh [--minutes N | --seconds N] [--seed S] [--replicas R] [--release]
#   ./scripts/faults.sh --binary PATH ...        with an existing binary of the service
#
# Prints the seed, the injected faults and a summary. After a violation it fails and keeps the logs of
# all processes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cleanup() {
  trap '' INT TERM
  stop_running
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

RELEASE=false BINARY="" ARGS=()
while (($# > 0)); do
  case "$1" in
    --release) RELEASE=true ;;
    --binary)
      BINARY=${2:?--binary needs a path}
      shift
      ;;
    *) ARGS+=("$1") ;;
  esac
  shift
done

require_rust
run ./scripts/get-nats.sh || fail "nats-server is not available"
run ./scripts/get-postgres.sh || fail "Postgres is not available"
export NATS_SERVER="$ROOT/.tools/bin/nats-server"

heading "building"
if [[ -n "$BINARY" ]]; then
  :
elif $RELEASE; then
  run cargo build --release --package federation || fail "the build of the service failed"
  BINARY="${CARGO_TARGET_DIR:-target}/release/federation"
else
  build_debug federation
  BINARY="$BINARIES/federation"
fi
build_debug federation-faults

heading "injecting faults"
run "$BINARIES/faults" --binary "$BINARY" ${ARGS[@]+"${ARGS[@]}"}
