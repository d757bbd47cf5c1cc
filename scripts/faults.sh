#!/usr/bin/env bash
# Runs the service under random faults and holds what it says against the truth.
#
#   ./scripts/faults.sh [--minutes N | --seconds N] [--seed S] [--replicas R] [--release]
#   ./scripts/faults.sh --binary PATH …          a service that was built before
#
# It prints the seed, what it brings about and a summary; a violation makes it fail and leaves the
# logs of all processes behind.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cleanup() {
  trap '' INT TERM
  stop_running
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

PROFILE=dev FOLDER=debug BINARY="" ARGS=()
while (($# > 0)); do
  case "$1" in
    --release) PROFILE=release FOLDER=release ;;
    --binary)
      BINARY=${2:?--binary needs a path}
      shift
      ;;
    *) ARGS+=("$1") ;;
  esac
  shift
done

require_rust
run ./scripts/get-nats.sh || fail "there is no NATS server"
run ./scripts/get-postgres.sh || fail "there is no Postgres"
export NATS_SERVER="$ROOT/.tools/bin/nats-server"

heading "building"
if [[ -z "$BINARY" ]]; then
  run cargo build --profile "$PROFILE" --package federation || fail "the service does not build"
  BINARY="${CARGO_TARGET_DIR:-target}/$FOLDER/federation"
fi
run cargo build --package federation-faults || fail "the fault suite does not build"

heading "faults"
run "${CARGO_TARGET_DIR:-target}/debug/faults" --binary "$BINARY" ${ARGS[@]+"${ARGS[@]}"}
