#!/usr/bin/env bash
# Checks the dependencies. cargo-shear finds unused and misplaced ones. cargo-deny applies deny.toml:
# licences, bans, sources, and known vulnerabilities if the advisory database can be had.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Deadline for downloading the advisory database, in seconds.
FETCH_DEADLINE=120
DATABASES="${CARGO_HOME:-$HOME/.cargo}/advisory-dbs"

require_rust
./scripts/get-cargo-tools.sh
deny() { "$ROOT/.tools/bin/cargo-deny" --log-level error "$@"; }

"$ROOT/.tools/bin/cargo-shear" || fail "a dependency is unused or misplaced"
deny --offline check licenses bans sources || fail "a dependency breaks a rule of deny.toml"

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
if GIT_TERMINAL_PROMPT=0 timeout "$FETCH_DEADLINE" "$ROOT/.tools/bin/cargo-deny" fetch db >"$log" 2>&1; then
  deny check advisories || fail "a dependency has an advisory"
elif compgen -G "$DATABASES/advisory-db-*/.git/FETCH_HEAD" >/dev/null; then
  say "advisories: the database could not be updated, so an older copy is used"
  deny --offline check advisories || fail "a dependency has an advisory"
else
  say "advisories: NOT CHECKED, because the advisory database could not be downloaded:"
  grep -m 1 -E '^fatal|ERROR' "$log" >&2 || true
fi
