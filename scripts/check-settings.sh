#!/usr/bin/env bash
# .env.example explains every setting that the program reads, and no other.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BINARY="${CARGO_TARGET_DIR:-target}/debug/federation"

settings_read() {
  local command
  for command in serve migrate heartbeat projects health; do
    "$BINARY" "$command" --help
  done | tr -s '[:space:]' ' ' | # The help is wrapped, also inside of the brackets.
    grep -oE '\[env: [A-Z_]+' | cut -c 7- | sort --unique
}

cargo build --quiet --package federation
read_by_program="$(settings_read)"
[[ -n "$read_by_program" ]] || fail "the program's help names no setting: its form has changed"
explained="$(sed -n 's/^#\([A-Z_]*\)=.*/\1/p' .env.example | sort --unique)"
difference="$(diff <(echo "$read_by_program") <(echo "$explained") || true)"
[[ -z "$difference" ]] || {
  say "$difference"
  fail ".env.example (>) does not fit the program (<)"
}
