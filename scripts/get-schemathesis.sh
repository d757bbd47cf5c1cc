#!/usr/bin/env bash
# Puts Schemathesis at .tools/schemathesis/bin/schemathesis. Silent and quick when it is there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WANTED="$ROOT/scripts/api-check/requirements.txt"
TARGET="$ROOT/.tools/schemathesis"
# Says what was installed: a change of the wanted versions installs anew.
INSTALLED="$TARGET/requirements.txt"

! cmp --silent "$WANTED" "$INSTALLED" || exit 0
# The first Python that is new enough.
PYTHON=""
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
find_python() {
  for PYTHON in python3 python3.14 python3.13 python3.12 python3.11; do
    ! has "$PYTHON" || ! new_enough "$PYTHON" || return 0
  done
  return 1
}

has python3 || apt_install python3
find_python || fail "Schemathesis needs Python 3.11 or newer, and python3 is $(python3 --version)"
# Debian has the modules for making virtual environments in a package of their own.
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || apt_install "$PYTHON-venv"
say "getting Schemathesis (with pip, into .tools)"
rm -rf "$TARGET"
"$PYTHON" -m venv "$TARGET" || fail "no virtual environment could be made at $TARGET"
"$TARGET/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$WANTED" >&2 ||
  fail "pip could not install what $WANTED names"
cp "$WANTED" "$INSTALLED"
say "$("$TARGET/bin/schemathesis" --version)"
