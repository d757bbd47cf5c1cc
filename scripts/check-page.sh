#!/usr/bin/env bash
# Checks the page: licences of its packages, types against the OpenAPI document of the service, unit
# tests, and tests in a browser against the real service and a real NATS server.
#
#   ./scripts/check-page.sh [FILTER]   run only the browser tests whose names contain FILTER
#
# Uses the Chromium of the system, or installs Debian's package. CHROMIUM names another one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

UI="$ROOT/crates/web/ui"
trap stop_running EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

find_chromium() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    ! has "$name" || { command -v "$name" && return; }
  done
}

require_rust
NODE="$(./scripts/get-node.sh)" || exit 1
[[ -z "$NODE" ]] || export PATH="$NODE:$PATH"
CHROMIUM="${CHROMIUM:-$(find_chromium)}"
if [[ -z "$CHROMIUM" ]]; then
  apt_install chromium
  CHROMIUM="$(find_chromium)"
fi
[[ -x "${NATS_SERVER:-}" ]] || { ./scripts/get-nats.sh && NATS_SERVER="$ROOT/.tools/bin/nats-server"; }
export CHROMIUM NATS_SERVER

run ./scripts/build-page.sh || fail "the page could not be built"
heading "page: the service with the page"
FEDERATION_REQUIRE_PAGE=1 build_debug federation
export FEDERATION_BINARY="$BINARIES/federation"

cd "$UI"
heading "page: licences and advisories"
run node tools/licences.js || fail "a package has a licence that is not allowed"
# Not every registry has this endpoint.
run node tools/audit.js || fail "a package that is part of the page has an advisory"
heading "page: types"
mkdir -p "$ROOT/target/page"
run node tools/openapi.js "$ROOT/target/page/openapi.json" || fail "the service does not print its document"
run npm run --silent api >/dev/null || fail "the types of the API could not be generated"
run npm run --silent check || fail "the page does not conform to its types"
heading "page: unit tests"
run npm run --silent test || fail "a unit test failed"
heading "page: browser tests"
run npm run --silent test:browser -- ${1+--testNamePattern "$1"} || fail "a browser test failed"
