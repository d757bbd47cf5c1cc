#!/usr/bin/env bash
# Checks the formats of the graph with the programs that read them: DOT with Graphviz, GraphML against
# its schema, and Mermaid with its own parser. Names try to break out of each format. Also compares the
# picture in README.md with what the service draws.
#
#   ./scripts/check-graph.sh             check
#   ./scripts/check-graph.sh --update    write the picture into README.md
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "${1-}" in
  "" | --update) ;;
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit 0 ;;
  *) fail "unknown argument '$1'; expected nothing or --update" ;;
esac

SCRATCH=""
cleanup() {
  trap '' INT TERM
  stop_running
  [[ -z "$SCRATCH" ]] || rm -rf "$SCRATCH"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

require_rust
has dot || apt_install graphviz
has xmllint || apt_install libxml2-utils
has python3 || apt_install python3
NODE="$(./scripts/get-node.sh)" || exit 1
[[ -z "$NODE" ]] || export PATH="$NODE:$PATH"
SCHEMA="$(./scripts/get-graphml-schema.sh)" || exit 1

PARSER="$ROOT/.tools/mermaid"
if ! cmp --silent scripts/check_graph/package.json "$PARSER/package.json"; then
  say "getting the parser of Mermaid (with npm, into .tools)"
  rm -rf "$PARSER" && mkdir -p "$PARSER.new"
  cp scripts/check_graph/package.json "$PARSER.new"
  npm install --prefix "$PARSER.new" --no-audit --no-fund --silent >&2 || fail "npm could not install Mermaid"
  mv "$PARSER.new" "$PARSER"
fi
# Node looks for packages beside the program.
cp scripts/check_graph/mermaid.mjs "$PARSER"

heading "building"
build_debug federation
SCRATCH="$(mktemp -d "${TMPDIR:-/tmp}/federation-check-graph.XXXXXX")"
run python3 scripts/check_graph/main.py "$BINARIES/federation" "$SCRATCH" "$SCHEMA" "$PARSER/mermaid.mjs" "$@"
