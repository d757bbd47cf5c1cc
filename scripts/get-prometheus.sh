#!/usr/bin/env bash
# Puts prometheus and promtool of Debian into .tools/bin, unless they are already there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TOOLS="$ROOT/.tools/bin"
PROGRAMS=(prometheus promtool)

works() { "$1" --version >/dev/null 2>&1; }
all_work() {
  local program
  for program in "${PROGRAMS[@]}"; do works "$TOOLS/$program" || return 1; done
}

from_path() {
  local program found
  for program in "${PROGRAMS[@]}"; do
    found="$(command -v "$program")" && works "$found" && ln -sfn "$found" "$TOOLS/$program" || return 1
  done
}

# Unpacks the package. Installing it would start a system service.
from_apt() {
  local program
  has apt-get && has dpkg-deb || return 1
  say "downloading prometheus (with apt-get)"
  chmod 755 "$TEMP"
  (cd "$TEMP" && apt-get download prometheus >/dev/null 2>&1) ||
    { as_root apt-get update >/dev/null && (cd "$TEMP" && apt-get download prometheus >/dev/null 2>&1); } ||
    return 1
  dpkg-deb --extract "$TEMP"/prometheus_*.deb "$TEMP/deb" || return 1
  for program in "${PROGRAMS[@]}"; do
    install -m 755 "$TEMP/deb/usr/bin/$program" "$TOOLS/$program" || return 1
  done
}

! all_work || exit 0
mkdir -p "$TOOLS"
TEMP="$(mktemp -d)"
trap 'rm -rf "$TEMP"' EXIT
rm -f "${PROGRAMS[@]/#/$TOOLS/}"
from_path || from_apt || fail "cannot install Prometheus: put prometheus and promtool on PATH and retry"
all_work || fail "the installed Prometheus does not run: $TOOLS"
say "$("$TOOLS/prometheus" --version 2>&1 | head -n 1)"
