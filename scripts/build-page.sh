#!/usr/bin/env bash
# Builds the page into crates/web/ui/dist, from where `cargo build` embeds it. Does nothing if no source
# is newer than the last build. Needs Node with npm; without them, it downloads Node into .tools.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

UI="$ROOT/crates/web/ui"
case "${1-}" in
  "") ;;
  -h | --help) sed -n '2,3s/^# \{0,1\}//p' "$0" && exit 0 ;;
  *) fail "unknown argument '$1'; expected none" ;;
esac

NODE="$(./scripts/get-node.sh)" || exit 1
[[ -z "$NODE" ]] || export PATH="$NODE:$PATH"
cd "$UI"

# The lock file of installed packages is written last.
if [[ ! -e node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
  say "installing the packages of the page"
  # No package runs code of its own during the installation.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || fail "npm could not install the packages"
  touch node_modules/.package-lock.json
fi

newer="$(find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -newer dist/index.html -print -quit 2>/dev/null || echo none)"
[[ -n "$newer" || ! -e dist/index.html ]] || exit 0

say "building the page"
find dist -mindepth 1 -not -name .gitignore -delete
npm run --silent build -- --logLevel error >&2 || fail "the page could not be built"
say "page: $(find dist -name '*.js' -exec cat {} + | gzip -9 | wc -c | awk '{ printf "%.0f KB", $1 / 1000 }') of scripts, compressed"
