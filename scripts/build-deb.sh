#!/usr/bin/env bash
# Builds a Debian package with the binary, the manual pages, completions, the systemd unit and the
# configuration files. Needs cargo-deb: cargo install cargo-deb
#
#   ./scripts/build-deb.sh              build everything
#   ./scripts/build-deb.sh --no-build   package target/release/federation as it is
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TARGET="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
BINARY="$TARGET/release/federation"
# The metadata of the package names this folder.
STAGE="$ROOT/target/package"

case "${1-}" in
  "")
    ./scripts/build-page.sh
    FEDERATION_REQUIRE_PAGE=1 cargo build --release --locked --package federation
    ;;
  --no-build) [[ -x "$BINARY" ]] || fail "$BINARY does not exist" ;;
  *) fail "unknown argument '$1'; expected nothing or --no-build" ;;
esac
cargo deb --version >/dev/null 2>&1 || fail "cargo-deb is not installed; run: cargo install cargo-deb"

rm -rf "$STAGE"
mkdir -p "$STAGE/man"
"$BINARY" man --directory "$STAGE/man"
"$BINARY" completions bash >"$STAGE/federation.bash"
"$BINARY" completions zsh >"$STAGE/_federation"
"$BINARY" completions fish >"$STAGE/federation.fish"
cargo deb --no-build --package federation
