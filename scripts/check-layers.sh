#!/usr/bin/env bash
# The layering that ARCHITECTURE.md states, checked on the dependency tree that cargo resolves, and
# the length of source files.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

MAX_LINES=450
MEDIAN_LINES=200
BROKEN=0

broken() {
  say "  $*"
  BROKEN=1
}

# packages CRATE [FEATURES...]: into $PACKAGES, the names of all that it is built from, without
# dev-dependencies. A crate that cannot be resolved ends the script: no guard passes unasked.
PACKAGES=""
packages() {
  local crate=$1 tree
  shift
  tree="$(cargo tree --package "$crate" --edges normal --prefix none --format '{p}' "$@")" ||
    fail "cargo tree of $crate failed"
  PACKAGES="$(awk '{ print $1 }' <<<"$tree" | sort --unique)"
  grep -qx "$crate" <<<"$PACKAGES" || fail "cargo tree of $crate does not name it"
}

# must_not_hold CRATE PATTERN REASON: no package of the tree matches the extended pattern.
must_not_hold() {
  local found
  packages "$1" --all-features
  found="$(grep -E "^($2)\$" <<<"$PACKAGES" | paste -sd ' ' || true)"
  [[ -z "$found" ]] || broken "$1 holds $found: $3"
}

# may_use CRATE INNER...: of this workspace's crates the tree holds these alone.
may_use() {
  local allowed=" $* " inner
  packages "$1" --all-features
  while read -r inner; do
    [[ "$allowed" == *" $inner "* ]] || broken "$1 depends on $inner: arrows point inwards only"
  done < <(grep -E '^federation(-|$)' <<<"$PACKAGES")
}

must_not_hold federation-domain 'tokio.*|diesel.*|actix.*|async-nats' "the domain knows no technology"
packages federation-domain
if grep -qx serde <<<"$PACKAGES"; then
  broken "federation-domain holds serde without being asked: it is an optional feature"
fi
for crate in application nats http testkit bench; do
  must_not_hold "federation-$crate" 'diesel.*' "only the stores speak SQL"
done
for crate in application postgres sqlite nats; do
  must_not_hold "federation-$crate" 'actix.*' "only federation-http speaks HTTP"
done
for crate in application postgres sqlite http; do
  must_not_hold "federation-$crate" 'async-nats' "only federation-nats speaks NATS"
done

# The binary wires the stores and speaks no SQL: it has diesel by them alone.
direct="$(cargo tree --package federation --edges normal,build,dev --depth 1 --prefix none \
  --format '{p}')" || fail "cargo tree of federation failed"
if grep -qE '^diesel' <<<"$direct"; then
  broken "federation names diesel itself: only the stores speak SQL"
fi

# The binary uses the library of the benchmarks, but not the program with its reference servers.
must_not_hold federation 'criterion|tempfile|mockall|proptest|insta|federation-(testkit|faults)' \
  "the binary contains nothing that only tests and benchmarks need"
packages federation-bench
if grep -qE '^(actix.*|tempfile)$' <<<"$PACKAGES"; then
  broken "federation-bench holds actix or tempfile without its feature: only the program uses them"
fi

may_use federation-domain
for crate in application postgres sqlite; do
  may_use "federation-$crate" federation-domain
done
for crate in nats http testkit; do
  may_use "federation-$crate" federation-domain federation-application
done
may_use federation-bench federation-domain federation-application federation-nats

lengths="$(find crates -name '*.rs' -not -path '*/target/*' -exec wc -l {} \; | sort -n)"
while read -r lines file; do
  ((lines <= MAX_LINES)) || broken "$file has $lines lines, more than $MAX_LINES: it is two things"
done <<<"$lengths"
median="$(awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }' <<<"$lengths")"
((median < MEDIAN_LINES)) || broken "half of the files have $median lines or more; $MEDIAN_LINES is the aim"

((BROKEN == 0)) || fail "the rules above are broken"
say "median file: $median lines"
