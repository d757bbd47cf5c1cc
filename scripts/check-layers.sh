#!/usr/bin/env bash
# Checks the layering of ARCHITECTURE.md on the resolved dependency tree, and the length of source
# files.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

MAX_LINES=450
MEDIAN_LINES=200
BROKEN=0

broken() {
  say "  $*"
  BROKEN=1
}

# packages CRATE [ARGUMENTS...]: sets $PACKAGES to the names of all dependencies of CRATE except
# dev-dependencies. Fails if the crate cannot be resolved, so that no check passes by accident.
PACKAGES=""
packages() {
  local crate=$1 tree
  shift
  tree="$(cargo tree --package "$crate" --edges normal --prefix none --format '{p}' "$@")" ||
    fail "cargo tree of $crate failed"
  PACKAGES="$(awk '{ print $1 }' <<<"$tree" | sort --unique)"
  grep -qx "$crate" <<<"$PACKAGES" || fail "cargo tree of $crate does not contain it"
}

# must_not_hold CRATE PATTERN REASON: no dependency matches the extended regular expression.
must_not_hold() {
  local found
  packages "$1" --all-features
  found="$(grep -E "^($2)\$" <<<"$PACKAGES" | paste -sd ' ' || true)"
  [[ -z "$found" ]] || broken "$1 depends on $found: $3"
}

# may_use CRATE INNER...: the dependencies include no other crates of this workspace.
may_use() {
  local allowed=" $* " inner
  packages "$1" --all-features
  while read -r inner; do
    [[ "$allowed" == *" $inner "* ]] || broken "$1 depends on $inner: dependencies must point inwards"
  done < <(grep -E '^federation(-|$)' <<<"$PACKAGES")
}

must_not_hold federation-domain 'tokio.*|diesel.*|actix.*|async-nats' "the domain must not depend on a technology"
packages federation-domain
if grep -qx serde <<<"$PACKAGES"; then
  broken "federation-domain depends on serde by default: it must be an optional feature"
fi
for crate in application nats http notify testkit bench; do
  must_not_hold "federation-$crate" 'diesel.*' "only the stores use SQL"
done
for crate in application postgres sqlite nats notify web; do
  must_not_hold "federation-$crate" 'actix.*' "only federation-http serves HTTP"
done
for crate in application postgres sqlite http notify; do
  must_not_hold "federation-$crate" 'async-nats' "only federation-nats uses NATS"
done

# The binary may depend on diesel only through the stores.
direct="$(cargo tree --package federation --edges normal,build,dev --depth 1 --prefix none \
  --format '{p}')" || fail "cargo tree of federation failed"
if grep -qE '^diesel' <<<"$direct"; then
  broken "federation depends on diesel directly: only the stores use SQL"
fi

# The binary uses the library of the benchmarks, but not the program with its reference servers.
must_not_hold federation 'criterion|tempfile|mockall|proptest|insta|federation-(testkit|faults)' \
  "the binary must not contain what only tests and benchmarks need"
packages federation-bench
if grep -qE '^(actix.*|tempfile)$' <<<"$PACKAGES"; then
  broken "federation-bench depends on actix or tempfile by default: only the feature limits may"
fi

may_use federation-domain
for crate in application postgres sqlite notify; do
  may_use "federation-$crate" federation-domain
done
for crate in nats testkit; do
  may_use "federation-$crate" federation-domain federation-application
done
may_use federation-http federation-domain federation-application federation-web
may_use federation-web
may_use federation-bench federation-domain federation-application federation-nats

lengths="$(find crates -name '*.rs' -not -path '*/target/*' -exec wc -l {} \; | sort -n)"
while read -r lines file; do
  ((lines <= MAX_LINES)) || broken "$file has $lines lines, more than $MAX_LINES: split it"
done <<<"$lengths"
median="$(awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }' <<<"$lengths")"
((median < MEDIAN_LINES)) || broken "the median file has $median lines; the limit is $MEDIAN_LINES"

((BROKEN == 0)) || fail "some rules are violated"
say "median file: $median lines"
