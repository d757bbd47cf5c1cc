#!/usr/bin/env bash
# Gets what the tests need, starts it, and runs every check that a change must pass.
#
#   ./scripts/test.sh                        all of it, as CI does
#   ./scripts/test.sh --only-tests [FILTER]  the tests alone, or those whose name holds FILTER
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

step() {
  local name=$1
  shift
  heading "$name"
  run "$@" || fail "failed at: $name"
}

cleanup() {
  trap '' INT TERM
  stop_running
  stop_postgres
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ONLY_TESTS=false FILTER=()
case "${1-}" in
  "") ;;
  --only-tests)
    ONLY_TESTS=true
    FILTER=("${@:2}")
    ;;
  *) fail "unknown argument '$1'; it takes nothing, or --only-tests [FILTER]" ;;
esac

require_rust
# The examples of the docs are run, and ask the service with it.
has curl || apt_install curl
step "tools: NATS" ./scripts/get-nats.sh
step "tools: Postgres" ./scripts/get-postgres.sh
export NATS_SERVER="$ROOT/.tools/bin/nats-server"

if ! $ONLY_TESTS; then
  require_rust_components
  step "lock file" cargo metadata --locked --format-version 1 --quiet >/dev/null
  step "formatting" cargo fmt --all --check
  step "layers and file lengths" ./scripts/check-layers.sh
  step "container files" ./scripts/check-docker.sh
  step "dependencies" ./scripts/check-dependencies.sh
  step "lints" cargo clippy --workspace --all-targets --all-features -- -D warnings
  step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features
fi

heading "a throw-away Postgres"
start_postgres
say "$FEDERATION_TEST_POSTGRES"
# Without a filter, doc tests included.
step "tests" cargo test --workspace --all-features --no-fail-fast ${FILTER[@]+"${FILTER[@]}"}

if ! $ONLY_TESTS; then
  step "api: Schemathesis" ./scripts/api-check.sh
  step "faults, for a minute" ./scripts/faults.sh --seconds 60 --seed 7 --gentle
fi

heading "all passed"
