#!/usr/bin/env bash
# Installs and starts what the tests need and runs every check that a change must pass.
#
#   ./scripts/test.sh                        run all checks, like CI
#   ./scripts/test.sh --only-tests [FILTER]  run only the tests, or those whose names contain FILTER
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
  *) fail "unknown argument '$1'; expected nothing or --only-tests [FILTER]" ;;
esac

require_rust
# A test runs the examples of the documentation, which use curl.
has curl || apt_install curl
step "tools: NATS" ./scripts/get-nats.sh
step "tools: Postgres" ./scripts/get-postgres.sh
step "tools: PgBouncer" ./scripts/get-pgbouncer.sh
# Before the service, which embeds it.
step "page" ./scripts/build-page.sh
export FEDERATION_REQUIRE_PAGE=1
export NATS_SERVER="$ROOT/.tools/bin/nats-server"

if ! $ONLY_TESTS; then
  require_rust_components
  step "lock file" cargo metadata --locked --format-version 1 --quiet >/dev/null
  step "formatting" cargo fmt --all --check
  step "layers and file lengths" ./scripts/check-layers.sh
  step "container files" ./scripts/check-docker.sh
  step "alerts" ./scripts/check-alerts.sh
  step "manifests and unit" ./scripts/check-deployment.sh
  step "documented log lines" ./scripts/check-logging.py
  step "dependencies" ./scripts/check-dependencies.sh
  step "lints" cargo clippy --workspace --all-targets --all-features -- -D warnings
  # Without the features that only tests enable, as releases are built.
  step "default features" cargo check --package federation
  step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features
fi

heading "starting a temporary Postgres"
start_postgres
say "$FEDERATION_TEST_POSTGRES"
# Includes doc tests.
step "tests" cargo test --workspace --all-features --no-fail-fast ${FILTER[@]+"${FILTER[@]}"}

if ! $ONLY_TESTS; then
  # cargo test builds the binary of a package only if the package has integration tests. With
  # --examples, the features of dev-dependencies are on, so everything else is already built.
  step "binaries" cargo build --workspace --all-features --bins --examples
  PREBUILT_BINARIES="$(built_binaries)"
  export PREBUILT_BINARIES
  step "formats of the graph" ./scripts/check-graph.sh
  step "queries of dashboards and alerts" ./scripts/check-queries.sh
  step "channels of notifications" ./scripts/check-notifications.sh
  step "page: types, tests and browser" ./scripts/check-page.sh
  step "api: Schemathesis" ./scripts/api-check.sh
  step "fault suite, 60 s" ./scripts/faults.sh --seconds 60 --seed 7 --gentle
  step "links of the documents" python3 ./scripts/check-links.py
fi

heading "all checks passed"
