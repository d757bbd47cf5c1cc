#!/usr/bin/env bash
# Breaks the service on purpose, in each way of scripts/mutants, and sees that it is caught: by the
# simulation or by a test on a real server, and by which invariant.
#
#   ./scripts/mutants.sh            all of them
#   ./scripts/mutants.sh NAME...    these, by their names without .patch
#
# It works on a copy of what git tracks; the tree itself stays as it is. SIMULATION_SEEDS (default
# 300) says how long the simulation may take to find one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

COPY=$(mktemp -d) OUTPUT=$(mktemp)
cleanup() {
  trap '' INT TERM
  stop_running
  rm -rf "$COPY" "$OUTPUT"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

export SIMULATION_SEEDS=${SIMULATION_SEEDS:-300} RUST_BACKTRACE=0
# Of its own, so that nothing built of a mutant is ever taken for the real thing.
export CARGO_TARGET_DIR="$ROOT/target/mutants"

test_of() {
  case $1 in
    simulation) echo "-p federation-application --test it nobody_who_speaks" ;;
    nats) echo "-p federation-nats --lib $2" ;;
    *) fail "nobody knows the kind of test '$1'" ;;
  esac
}

# try NAME: breaks the copy, runs what has to catch that, and mends it again. The patch gives files
# a new time both ways, by which cargo sees that they changed.
try() {
  local name=$1 patch="$ROOT/scripts/mutants/$1.patch" kind invariants command
  [[ -r "$patch" ]] || fail "there is no scripts/mutants/$name.patch"
  read -r kind invariants < <(sed -n 's/^Caught by: //p' "$patch")
  heading "$name: $(head -n 1 "$patch")"
  (cd "$COPY" && patch --quiet -p1 <"$patch") || fail "$name no longer fits; make it anew"
  read -ra command < <(test_of "$kind" "$invariants")
  (cd "$COPY" && cargo build --quiet --tests "${command[@]:0:2}") || fail "$name does not compile"
  if (cd "$COPY" && run cargo test "${command[@]}") >"$OUTPUT" 2>&1; then
    tail -n 5 "$OUTPUT" >&2
    fail "$name was not caught"
  fi
  local caught
  caught=$(grep -oEm 1 "($invariants).*" "$OUTPUT") || {
    tail -n 20 "$OUTPUT" >&2
    fail "$name fails, but not by $invariants"
  }
  (cd "$COPY" && patch --quiet -R -p1 <"$patch")
  say "caught by: $caught"
}

require_rust
[[ "$*" == *[![:space:]]* ]] || set -- $(basename -s .patch scripts/mutants/*.patch)
export NATS_SERVER="$ROOT/.tools/bin/nats-server"
[[ -x "$NATS_SERVER" ]] || ./scripts/get-nats.sh
git ls-files -z | grep -zv '^scripts/mutants/' | xargs -0 cp --parents -t "$COPY"
for name; do try "$name"; done
heading "all $# were caught"
