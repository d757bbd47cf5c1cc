#!/usr/bin/env bash
# Sees to it that Postgres' programs are on this machine. Silent and quick when they are.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Debian's package makes and starts a cluster of the system's, unless it is told not to. The tests
# make their own, so it is told so for this one installation.
NO_CLUSTER=/etc/postgresql-common/createcluster.d/federation-no-main-cluster.conf

[[ -z "$(postgres_bin)" ]] || exit 0
has apt-get || fail "please install Postgres 14 or newer with its server programs (initdb, postgres)"
as_root mkdir -p "$(dirname "$NO_CLUSTER")"
trap 'as_root rm -f "$NO_CLUSTER"' EXIT
echo "create_main_cluster = false" | as_root tee "$NO_CLUSTER" >/dev/null
apt_install postgresql
[[ -n "$(postgres_bin)" ]] || fail "Postgres was installed, but there is no initdb below /usr/lib/postgresql"
say "Postgres: $("$(postgres_bin)/postgres" --version)"
