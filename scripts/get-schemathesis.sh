#!/usr/bin/env bash
# Installs Schemathesis at .tools/schemathesis/bin/schemathesis, unless it is already there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WANTED="$ROOT/scripts/api-check/requirements.txt"
TARGET="$ROOT/.tools/schemathesis"
# Copy of the installed requirements. If they change, Schemathesis is reinstalled.
INSTALLED="$TARGET/requirements.txt"

! cmp --silent "$WANTED" "$INSTALLED" || exit 0
# The first Python that is recent enough.
PYTHON=""
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
find_python() {
  for PYTHON in python3 python3.14 python3.13 python3.12 python3.11; do
    ! has "$PYTHON" || ! new_enough "$PYTHON" || return 0
  done
  return 1
}

has python3 || apt_install python3
find_python || fail "Schemathesis needs Python 3.11 or newer, but python3 is $(python3 --version)"
# Debian has a separate package for virtual environments.
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || apt_install "$PYTHON-venv"
say "installing Schemathesis (with pip, into .tools)"
rm -rf "$TARGET"
"$PYTHON" -m venv "$TARGET" || fail "cannot create a virtual environment at $TARGET"
"$TARGET/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$WANTED" >&2 ||
  fail "pip could not install the packages of $WANTED"
cp "$WANTED" "$INSTALLED"
say "$("$TARGET/bin/schemathesis" --version)"
