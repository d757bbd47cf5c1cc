#!/usr/bin/env bash
# Installs Postgres, unless it is already there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Prevents the Debian package from creating and starting a cluster during this installation. The tests
# create their own.
NO_CLUSTER=/etc/postgresql-common/createcluster.d/federation-no-main-cluster.conf

[[ -z "$(postgres_bin)" ]] || exit 0
has apt-get || fail "please install Postgres 14 or newer, including the server programs (initdb, postgres)"
as_root mkdir -p "$(dirname "$NO_CLUSTER")"
trap 'as_root rm -f "$NO_CLUSTER"' EXIT
echo "create_main_cluster = false" | as_root tee "$NO_CLUSTER" >/dev/null
apt_install postgresql
[[ -n "$(postgres_bin)" ]] || fail "Postgres was installed, but /usr/lib/postgresql has no initdb"
say "Postgres: $("$(postgres_bin)/postgres" --version)"
