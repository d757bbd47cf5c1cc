#!/usr/bin/env bash
# Runs a federation of 40 projects in five teams for demonstration, with the page. Every two minutes a
# project fails for a minute, and those that use it report why they are degraded. The service sends one
# notification about each outage, which is printed here. Ctrl-C stops it and removes its data.
#
#   ./scripts/demo.sh            on port 8001, or that of SERVICE_PORT
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "${1-}" in
  "") ;;
  -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0" && exit 0 ;;
  *) fail "unknown argument '$1'; expected none" ;;
esac

SCRATCH=""
cleanup() {
  trap '' INT TERM
  stop_running
  [[ -z "$SCRATCH" ]] || rm -rf "$SCRATCH"
}
trap cleanup EXIT
trap 'exit 0' INT TERM

require_rust
NODE="$(./scripts/get-node.sh)" || exit 1
[[ -z "$NODE" ]] || export PATH="$NODE:$PATH"
heading "building"
run ./scripts/build-page.sh || fail "the page could not be built"
build_debug federation
export FEDERATION_BINARY="$BINARIES/federation"
SCRATCH="$(mktemp -d "${TMPDIR:-/tmp}/federation-demo.XXXXXX")"
run node crates/web/ui/tools/demo.js "$SCRATCH" "${SERVICE_PORT:-8001}"
