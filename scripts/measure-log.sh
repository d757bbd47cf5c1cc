#!/usr/bin/env bash
# Measures histories in a long change log, and the retention of that log, on Postgres.
#
#   ./scripts/measure-log.sh BINARY DATABASE_URL [ENTRIES]
#
# BINARY is a release build of `federation`. DATABASE_URL names an empty database; it is filled with
# ENTRIES entries (default 10,000,000) of 10,000 projects over 89 days, of which one project has 20,000.
# Needs psql and curl. The time of a request is that of curl, which includes the connection.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ "${1-}" != -h && "${1-}" != --help && $# -ge 2 ]] || { sed -n '2,9s/^# \{0,1\}//p' "$0" && exit 0; }
BINARY="$(realpath "$1")"
URL="$2"
ENTRIES="${3-10000000}"
PROJECTS=10000
REQUESTS=1000

SCRATCH="$(mktemp -d "${TMPDIR:-/tmp}/federation-log.XXXXXX")"
SERVICE=""
cleanup() {
  trap '' INT TERM
  [[ -z "$SERVICE" ]] || { kill "$SERVICE" 2>/dev/null && wait "$SERVICE" || true; }
  rm -rf "$SCRATCH"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ask() { psql "$URL" --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 "$@"; }

# serve RETENTION: (re)starts the service and waits until it is ready.
serve() {
  [[ -z "$SERVICE" ]] || { kill "$SERVICE" && wait "$SERVICE" || true; }
  (cd "$SCRATCH" && exec env DATABASE_URL="$URL" NATS_URL=none SERVICE_PORT="$PORT" LOG_LEVEL=warning \
    CHANGE_RETENTION="$1" "$BINARY" serve) &
  SERVICE=$!
  until curl --silent --fail --output /dev/null "$BASE/readyz"; do sleep 0.2; done
}

metric() { curl --silent "$BASE/metrics" | awk -v name="$1" '$1 == name {print $2}'; }

# times SLUGS: prints the median, the 99th percentile and the maximum in milliseconds.
times() {
  while read -r slug; do
    curl --silent --fail --output /dev/null --write-out '%{time_total}\n' \
      "$BASE/api/fed/projects/$slug/history"
  done | sort -n | awk '{t[NR] = $1 * 1000}
    END {printf "p50 %.1f ms, p99 %.1f ms, max %.1f ms\n", t[int(NR * 0.5)], t[int(NR * 0.99)], t[NR]}'
}

PORT="$((20000 + RANDOM % 20000))"
BASE="http://127.0.0.1:$PORT"

heading "filling the log with $ENTRIES entries"
(cd "$SCRATCH" && DATABASE_URL="$URL" "$BINARY" migrate) >&2
# Every second entry of a project takes it online, and the others offline.
ask --set entries="$ENTRIES" --set projects="$PROJECTS" <<'SQL'
INSERT INTO projects (slug, name, hub_url, mesh_namespace, status, tags, created_at, updated_at)
SELECT 'p-' || n, 'Project', 'http://localhost:8000', 'hub.p', 'offline', '[]', now() - interval '89 days',
       now()
FROM generate_series(0, :projects - 1) AS n;
INSERT INTO changes (revision, at, entity, key, kind, payload, actor)
SELECT r, now() - interval '89 days' + r * (interval '89 days' / :entries), 'project', 'p-' || key,
       'status_changed',
       json_build_object('from', CASE WHEN up THEN 'offline' ELSE 'online' END,
                         'to', CASE WHEN up THEN 'online' ELSE 'offline' END,
                         'cause', json_build_object('kind', 'heartbeat', 'source', 'nats')), 'nats'
FROM (SELECT r, CASE WHEN r % (:entries / 20000) = 0 THEN 0 ELSE 1 + r % (:projects - 1) END AS key,
             CASE WHEN r % (:entries / 20000) = 0 THEN r / (:entries / 20000) % 2 = 1
                  ELSE r / (:projects - 1) % 2 = 1 END AS up
      FROM generate_series(1, :entries) AS r) AS entries;
UPDATE catalog_state SET revision = :entries;
INSERT INTO listening_periods VALUES ('nats', now() - interval '30 days', now()),
                                     ('http', now() - interval '30 days', now());
ANALYZE;
SQL

heading "starting the service"
serve 90d
ids() { for _ in $(seq "$REQUESTS"); do echo "p-$((1 + RANDOM % (PROJECTS - 1)))"; done; }
say "before the roll-up: $(ids | times)"
begun=$SECONDS
until [[ "$(ask --command "SELECT until >= (now() AT TIME ZONE 'UTC' - interval '10 minutes')::date FROM roll_up")" == t ]]; do
  sleep 1
done
say "roll-up of $(metric federation_uptime_days_rolled_up_total) days: $((SECONDS - begun)) s"
say "histories of $REQUESTS projects: $(ids | times)"
say "histories of the project with 20,000 entries: $(for _ in $(seq 200); do echo p-0; done | times)"

heading "dropping half of the log"
serve 44d
begun=$SECONDS
until [[ "$(ask --command 'SELECT oldest_revision FROM catalog_state')" -gt $((ENTRIES / 2)) ]]; do sleep 0.5; done
say "dropped $(metric federation_change_log_entries_dropped_total) entries in $((SECONDS - begun)) s"
say "histories of $REQUESTS projects: $(ids | times)"
