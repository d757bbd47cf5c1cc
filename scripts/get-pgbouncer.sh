#!/usr/bin/env bash
# Installs PgBouncer for the tests of the Postgres store. Does nothing if it is installed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Debian's package starts a service unless a policy forbids it.
POLICY=/usr/sbin/policy-rc.d

[[ ! -x /usr/sbin/pgbouncer ]] && ! has pgbouncer || exit 0
has apt-get || fail "please install PgBouncer 1.18 or newer"
if [[ ! -e "$POLICY" ]]; then
  trap 'as_root rm -f "$POLICY"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod +x "$POLICY"
fi
apt_install pgbouncer
say "PgBouncer: $(/usr/sbin/pgbouncer --version | head -1)"
