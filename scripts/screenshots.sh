#!/usr/bin/env bash
# Takes screenshots of the page with the data of demo.sh, in light and dark colours.
#
#   ./scripts/screenshots.sh             the pictures of README.md, into docs/images
#   ./scripts/screenshots.sh DIRECTORY   every view in three widths
#
# Uses the Chromium of the system; CHROMIUM names another one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ "${1-}" != -h && "${1-}" != --help ]] || { sed -n '2,7s/^# \{0,1\}//p' "$0" && exit 0; }
PORT="${SERVICE_PORT:-8001}"
DEMO=""
SCRATCH=""
cleanup() {
  trap '' INT TERM
  stop_running
  [[ -z "$DEMO" ]] || stop_process "the demonstration" "$DEMO"
  [[ -z "$SCRATCH" ]] || rm -rf "$SCRATCH"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

require_rust
NODE="$(./scripts/get-node.sh)" || exit 1
[[ -z "$NODE" ]] || export PATH="$NODE:$PATH"
heading "building"
run ./scripts/build-page.sh || fail "the page could not be built"
run cargo build --package federation || fail "the build of the service failed"
FEDERATION_BINARY="${FEDERATION_BINARY:-$(realpath "${CARGO_TARGET_DIR:-target}")/debug/federation}"
export FEDERATION_BINARY
SCRATCH="$(mktemp -d "${TMPDIR:-/tmp}/federation-demo.XXXXXX")"
start_in_group node crates/web/ui/tools/demo.js "$SCRATCH" "$PORT"
DEMO=$STARTED
await 60 "the demonstration" curl --silent --fail --output /dev/null "http://127.0.0.1:$PORT/readyz"
heading "taking the screenshots"
run node crates/web/ui/tools/screenshots.js "http://127.0.0.1:$PORT" "${1:-docs/images}" "$([[ -n "${1-}" ]] || echo readme)" ||
  fail "a screenshot could not be taken"
