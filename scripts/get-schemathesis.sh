#!/usr/bin/env bash
# Puts Schemathesis at .tools/schemathesis/bin/schemathesis. Silent and quick when it is there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WANTED="$ROOT/scripts/api-check/requirements.txt"
TARGET="$ROOT/.tools/schemathesis"
# Says what was installed: a change of the wanted versions installs anew.
INSTALLED="$TARGET/requirements.txt"

! cmp --silent "$WANTED" "$INSTALLED" || exit 0
has python3 || apt_install python3
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "Schemathesis needs Python 3.11 or newer, and python3 is $(python3 --version)"
python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
say "getting Schemathesis (with pip, into .tools)"
rm -rf "$TARGET"
python3 -m venv "$TARGET" || fail "no virtual environment could be made at $TARGET"
"$TARGET/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$WANTED" >&2 ||
  fail "pip could not install what $WANTED names"
cp "$WANTED" "$INSTALLED"
say "$("$TARGET/bin/schemathesis" --version)"
