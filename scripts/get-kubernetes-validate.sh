#!/usr/bin/env bash
# Installs kubernetes-validate at .tools/kubernetes-validate, unless it is already there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WANTED="$ROOT/scripts/check_deployment/requirements.txt"
TARGET="$ROOT/.tools/kubernetes-validate"
# Copy of the installed requirements. If they change, the package is reinstalled.
INSTALLED="$TARGET/requirements.txt"

! cmp --silent "$WANTED" "$INSTALLED" || exit 0
has python3 || apt_install python3
# Debian has a separate package for virtual environments.
python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
say "installing kubernetes-validate (with pip, into .tools)"
rm -rf "$TARGET"
python3 -m venv "$TARGET" || fail "cannot create a virtual environment at $TARGET"
"$TARGET/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$WANTED" >&2 ||
  fail "pip could not install the packages of $WANTED"
cp "$WANTED" "$INSTALLED"
