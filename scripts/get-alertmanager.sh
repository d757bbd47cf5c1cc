#!/usr/bin/env bash
# Puts the Alertmanager of Debian into .tools/bin, unless it is already there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TARGET="$ROOT/.tools/bin/alertmanager"
# The program of Debian reads its templates from this folder.
TEMPLATES=/usr/share/prometheus/alertmanager

works() { "$1" --version >/dev/null 2>&1; }

from_path() {
  local name found
  for name in alertmanager prometheus-alertmanager; do
    found="$(command -v "$name")" && works "$found" && ln -sfn "$found" "$TARGET" && return 0
  done
  return 1
}

# Unpacks the package. Installing it would start a system service.
from_apt() {
  local package=prometheus-alertmanager
  has apt-get && has dpkg-deb || return 1
  say "downloading $package (with apt-get)"
  chmod 755 "$TEMP"
  (cd "$TEMP" && apt-get download "$package" >/dev/null 2>&1) ||
    { as_root apt-get update >/dev/null && (cd "$TEMP" && apt-get download "$package" >/dev/null 2>&1); } ||
    return 1
  dpkg-deb --extract "$TEMP/$package"_*.deb "$TEMP/deb" || return 1
  if [[ ! -e "$TEMPLATES/default.tmpl" ]]; then
    as_root mkdir -p "$TEMPLATES" && as_root cp "$TEMP/deb$TEMPLATES"/*.tmpl "$TEMPLATES/" || return 1
  fi
  install -m 755 "$TEMP/deb/usr/bin/$package" "$TARGET"
}

! works "$TARGET" || exit 0
mkdir -p "$(dirname "$TARGET")"
TEMP="$(mktemp -d)"
trap 'rm -rf "$TEMP"' EXIT
rm -f "$TARGET"
from_path || from_apt || fail "cannot install the Alertmanager: put alertmanager on PATH and retry"
works "$TARGET" || fail "the installed Alertmanager does not run: $TARGET"
say "$("$TARGET" --version 2>&1 | head -n 1)"
