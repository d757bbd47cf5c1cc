#!/usr/bin/env bash
# Checks the running service against its OpenAPI document with all checks of Schemathesis.
#
#   ./scripts/api-check.sh [--examples N] [--minutes M] [--seed S]
#
# The same seed sends the same requests. N is the maximum number of requests for an operation and a
# phase (default 20), which takes about five minutes. With --minutes, Schemathesis generates requests
# for this time in total.
#
# Runs three times: without keys, with a read-only key, and with a key that has all permissions.
# scripts/api-check/ has the rules that an OpenAPI document cannot express.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

EXAMPLES=20 MINUTES="" SEED=7
while (($# > 0)); do
  case "$1" in
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0" && exit 0 ;;
    --examples) EXAMPLES=${2-} ;;
    --minutes) MINUTES=${2-} ;;
    --seed) SEED=${2-} ;;
    *) fail "unknown argument '$1'; expected --examples N, --minutes M or --seed S" ;;
  esac
  [[ "${2-}" =~ ^[0-9]+$ ]] || fail "$1: expected a whole number, got '${2-}'"
  shift 2
done

ADMIN="" SCRATCH="" NATS_PID="" SERVICE_PID="" PUBLISHER_PID="" FOUND=false
cleanup() {
  trap '' INT TERM
  stop_running
  stop_service
  [[ -z "$NATS_PID" ]] || stop_process NATS "$NATS_PID"
  # Keeps the logs of a failed run.
  [[ -z "$SCRATCH" ]] || $FOUND || rm -rf "$SCRATCH"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

stop_service() {
  [[ -z "$PUBLISHER_PID" ]] || stop_process "the publisher" "$PUBLISHER_PID"
  [[ -z "$SERVICE_PID" ]] || stop_process "the service" "$SERVICE_PID"
  PUBLISHER_PID="" SERVICE_PID=""
}

nats_server() { exec .tools/bin/nats-server --addr 127.0.0.1 --port -1 --ports_file_dir "$SCRATCH" >"$SCRATCH/nats.log" 2>&1; }
# Runs in the scratch directory, which has no .env.
federation() {
  cd "$SCRATCH" || exit 1
  exec "$BINARIES/federation" "$@"
}
service() { federation serve >"$SCRATCH/$1.log" 2>&1; }
publisher() { PROJECT_SLUG="$1" HEARTBEAT_INTERVAL=1 federation heartbeat >"$SCRATCH/publisher.log" 2>&1; }

# The service logs its address.
service_port() { sed -n 's/.* address=127\.0\.0\.1:\([0-9]*\).*/\1/p' "$SCRATCH/$1.log" 2>/dev/null | head -n 1; }
service_listens() { ! kill -0 "$SERVICE_PID" 2>/dev/null || [[ -n "$(service_port "$1")" ]]; }
service_is_ready() { ! kill -0 "$SERVICE_PID" 2>/dev/null || (federation health --service-port "$PORT") >/dev/null 2>&1; }
nats_url() { sed -n 's/.*"\(nats:\/\/[^"]*\)".*/\1/p' "$SCRATCH"/nats-server_*.ports 2>/dev/null; }
nats_listens() { ! kill -0 "$NATS_PID" 2>/dev/null || [[ -n "$(nats_url)" ]]; }

# client ARGUMENT...: a command that calls the service.
client() { (FEDERATION_URL="http://127.0.0.1:$PORT" FEDERATION_API_KEY="$ADMIN" federation "$@"); }
is_online() { client projects get "$1" --json 2>/dev/null | grep -q '"status": *"online"'; }
action_run() {
  client actions run rag.query --project 0 --no-wait --include-offline --json |
    sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' | head -n 1
}
has_notification() { client notifications list --json 2>/dev/null | grep -q '"id"'; }

# start_service NAME: starts the service on a new catalog, with a publisher for one of its projects.
# Sets PORT.
start_service() {
  export DATABASE_URL="sqlite:$SCRATCH/$1.db"
  start_in_group service "$1"
  SERVICE_PID=$STARTED
  await 30 "the service to listen" service_listens "$1" || fail "the service did not start"
  PORT="$(service_port "$1")"
  await 30 "the service to be ready" service_is_ready || fail "the service did not become ready"
  kill -0 "$SERVICE_PID" 2>/dev/null || { cat "$SCRATCH/$1.log" >&2 && fail "the service exited at its start"; }
  start_in_group publisher docs
  PUBLISHER_PID=$STARTED
  await 30 "a heartbeat" is_online docs || fail "the service received no heartbeat"
  stop_process "the publisher" "$PUBLISHER_PID"
  ACTION_RUN="$(action_run)"
  [[ -n "$ACTION_RUN" ]] || fail "could not start a run"
  export ACTION_RUN
  await 30 "an alert" has_notification || fail "the silence of a project caused no notification"
  start_in_group publisher commandcenter
  PUBLISHER_PID=$STARTED
}

# check NAME ARGUMENT...: runs Schemathesis once.
check() {
  local name=$1 schemathesis="$ROOT/.tools/schemathesis/bin/schemathesis"
  shift
  heading "$name (seed $SEED)"
  # Requests are the same as without --minutes, followed by further ones.
  [[ -z "$MINUTES" ]] || set -- --max-time "$((MINUTES * 60 / 3))" "$@"
  run "$schemathesis" --config-file "$ROOT/scripts/api-check/schemathesis.toml" run \
    "http://127.0.0.1:$PORT/openapi.json" --max-examples "$EXAMPLES" --seed "$SEED" "$@" || {
    FOUND=true
    say "$name: failed, see above; the logs are in $SCRATCH"
  }
  kill -0 "$SERVICE_PID" 2>/dev/null || { FOUND=true && fail "$name: the service exited; see the logs in $SCRATCH"; }
}

require_rust
run ./scripts/get-nats.sh || fail "nats-server is not available"
run ./scripts/get-schemathesis.sh || fail "Schemathesis is not available"
heading "building"
build_debug federation

SCRATCH="$(mktemp -d "${TMPDIR:-/tmp}/federation-api-check.XXXXXX")"
start_in_group nats_server
NATS_PID=$STARTED
await 15 "NATS to listen" nats_listens || fail "the NATS server did not start"
NATS_URL="$(nats_url)"
export NATS_URL SERVICE_HOST=127.0.0.1 SERVICE_PORT=0 LOG_LEVEL=info EXPORT_PROJECT_METRICS=true BADGES=all
export FANOUT=true MESH_HMAC_KEY=only-for-the-check-of-the-api-0123456789
# The silence of a project causes an alert, and a notification that cannot be delivered.
export INCIDENT_DELAY=0s GROUP_WAIT=0 ALERTS_FILE="$ROOT/scripts/api-check/alerts.yaml"
export PROJECTS_FILE="$ROOT/scripts/api-check/projects.yaml"
export HYPOTHESIS_STORAGE_DIRECTORY="$SCRATCH/hypothesis"
unset FEDERATION_API_KEYS FEDERATION_KEYS_FILE FEDERATION_API_KEY FEDERATION_URL

start_service without-keys
check "without keys"
stop_service

# Requires keys for the metrics and the document, so that they are checked with keys too.
export FEDERATION_KEYS_FILE="$SCRATCH/keys.yaml" PROTECT_METRICS=true PROTECT_DOCS=true
READ="$(federation keys create reader --scope read)"
ADMIN="$(federation keys create operator --scope admin)"
start_service with-keys
# Without warnings and with fewer examples, because all writes are rejected as expected.
check "with a read-only key" --warnings off --max-examples "$((EXAMPLES / 4 + 1))" --header "X-API-Key: $READ"
check "with an admin key" --header "X-API-Key: $ADMIN"
stop_service

! $FOUND || fail "the service does not conform to its OpenAPI document"
heading "the service conforms to its OpenAPI document"
