#!/usr/bin/env bash
# Applies each patch of scripts/mutants, which breaks the service on purpose, and checks that the
# simulation or a test on a real server detects it, by the expected invariant.
#
#   ./scripts/mutants.sh            all patches
#   ./scripts/mutants.sh NAME...    these patches, without .patch
#
# Works on a copy of the tracked files, so the working tree does not change. SIMULATION_SEEDS (default
# 300) is the number of seeds that the simulation tries.
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
# A separate target directory, so that no artefact of a mutant is used for a normal build.
export CARGO_TARGET_DIR="$ROOT/target/mutants"

test_of() {
  case $1 in
    simulation) echo "-p federation-application --test it no_live_project" ;;
    nats) echo "-p federation-nats --lib $2" ;;
    *) fail "unknown kind of test '$1'" ;;
  esac
}

# try NAME: applies a patch to the copy, runs the test that must fail, and reverts the patch. Both
# update modification times, so cargo rebuilds the files.
try() {
  local name=$1 patch="$ROOT/scripts/mutants/$1.patch" kind invariants command
  [[ -r "$patch" ]] || fail "scripts/mutants/$name.patch does not exist"
  read -r kind invariants < <(sed -n 's/^Caught by: //p' "$patch")
  heading "$name: $(head -n 1 "$patch")"
  (cd "$COPY" && patch --quiet -p1 <"$patch") || fail "$name does not apply; update the patch"
  read -ra command < <(test_of "$kind" "$invariants")
  (cd "$COPY" && cargo build --quiet --tests "${command[@]:0:2}") || fail "$name does not compile"
  if (cd "$COPY" && run cargo test "${command[@]}") >"$OUTPUT" 2>&1; then
    tail -n 5 "$OUTPUT" >&2
    fail "$name was not detected"
  fi
  local caught
  caught=$(grep -oEm 1 "($invariants).*" "$OUTPUT") || {
    tail -n 20 "$OUTPUT" >&2
    fail "$name was detected, but not by $invariants"
  }
  (cd "$COPY" && patch --quiet -R -p1 <"$patch")
  say "detected by: $caught"
}

require_rust
[[ "$*" == *[![:space:]]* ]] || set -- $(basename -s .patch scripts/mutants/*.patch)
export NATS_SERVER="$ROOT/.tools/bin/nats-server"
[[ -x "$NATS_SERVER" ]] || ./scripts/get-nats.sh
git ls-files -z | grep -zv '^scripts/mutants/' | xargs -0 cp --parents -t "$COPY"
for name; do try "$name"; done
heading "all $# mutants were detected"
