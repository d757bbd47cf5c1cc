#!/usr/bin/env bash
# Runs the service for development: a NATS server (unless one is running), the service on SQLite with
# config/projects.yaml, and a heartbeat publisher for the project in it. Ctrl-C stops all of them.
#
# Settings such as SERVICE_PORT, NATS_URL, DATABASE_URL and PROJECT_SLUG are read from the environment
# or .env.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# setting NAME DEFAULT: prints a setting from the environment or .env, or the default.
setting() {
  local value="${!1-}"
  if [[ -z "$value" && -f .env ]]; then
    value="$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" .env |
      tail -n 1 | sed -e 's/[[:space:]]*$//' -e "s/^\(['\"]\)\(.*\)\1\$/\2/")"
  fi
  printf '%s' "${value:-$2}"
}

# answers HOST PORT: succeeds if the port accepts connections.
answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# greets_as_nats HOST PORT: succeeds if the server sends INFO, as NATS servers do.
greets_as_nats() {
  local greeting=""
  { exec 3<>"/dev/tcp/$1/$2"; } 2>/dev/null || return 1
  read -r -t 2 -n 4 greeting <&3 || true
  exec 3>&-
  [[ "$greeting" == INFO ]]
}

# http_get PORT PATH: prints the response with its headers. Does not need curl.
http_get() {
  { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3
  timeout 5 cat <&3 || true
  exec 3>&-
}

# start NAME COMMAND...: starts COMMAND, prefixes each line of its output with NAME and sets PID[NAME].
declare -A PID=()
PREFIXERS=()
start() {
  local name=$1
  shift
  # Ignores signals and ends with its input, so that the last output of a process is printed.
  exec 4> >(trap '' INT TERM && exec sed -u "s/^/[$name] /")
  PREFIXERS+=($!)
  start_in_group "$@" >&4 2>&1
  PID[$name]=$STARTED
  exec 4>&-
}

# Stops the publisher first, then the service, then the NATS server.
cleanup() {
  local name
  trap '' INT TERM
  stop_running
  for name in publisher service nats; do
    [[ -z "${PID[$name]-}" ]] || stop_process "$name" "${PID[$name]}"
  done
  ((${#PREFIXERS[@]} == 0)) || wait "${PREFIXERS[@]}" 2>/dev/null || true
}
trap cleanup EXIT
# Ctrl-C is the normal way to stop this script.
trap 'say ""; say "stopping"; exit 0' INT TERM

alive() { kill -0 "${PID[$1]}" 2>/dev/null; }

start_nats() {
  local address=${NATS_URL#*://} host port
  address=${address%%,*} address=${address##*@}
  host=${address%%:*} port=4222
  [[ "$address" != *:* ]] || port=${address##*:}
  port=${port%%/*}
  if answers "$host" "$port"; then
    greets_as_nats "$host" "$port" || fail "port $port of $host is in use by another program than a NATS server"
    say "using the NATS server at $host:$port"
    return
  fi
  [[ "$host" == localhost || "$host" == 127.0.0.1 ]] ||
    fail "no NATS server runs at $host:$port; this script can start one only on this machine"
  ./scripts/get-nats.sh
  start nats .tools/bin/nats-server --addr 127.0.0.1 --port "$port"
  await 15 "NATS on port $port" nats_is_up "$port" || fail "the NATS server did not start"
  alive nats || fail "the NATS server exited at its start"
}

nats_is_up() { ! alive nats || greets_as_nats 127.0.0.1 "$1"; }
service_is_ready() { ! alive service || [[ "$(http_get "$PORT" /readyz)" == "HTTP/1.1 200 "* ]]; }
is_online() { [[ "$(http_get "$PORT" "/api/fed/projects/$SLUG")" == *'"status":"online"'* ]]; }

# Fails if a process other than the publisher exits. The user may stop the publisher.
watch() {
  local name status
  while true; do
    for name in nats service; do
      [[ -z "${PID[$name]-}" ]] || alive "$name" || fail "$name exited unexpectedly; stopping the rest"
    done
    if [[ -n "${PID[publisher]-}" ]] && ! alive publisher; then
      status=0
      wait "${PID[publisher]}" || status=$?
      ((status == 0 || status > 128)) || fail "the publisher exited with status $status; stopping the rest"
      unset "PID[publisher]"
      say "the publisher has stopped: $SLUG becomes degraded after two intervals and offline after three"
    fi
    wait -n || true
  done
}

PORT="$(setting SERVICE_PORT 8001)"
SLUG="$(setting PROJECT_SLUG commandcenter)"
NATS_URL="$(setting NATS_URL nats://localhost:4222)"

require_rust
heading "building"
run ./scripts/build-page.sh || say "continuing without the page"
run cargo build --package federation
BINARY="${CARGO_TARGET_DIR:-./target}/debug/federation"

! answers 127.0.0.1 "$PORT" || fail "port $PORT is in use; set SERVICE_PORT to another one"
[[ "$NATS_URL" != none ]] || say "NATS_URL is none, so there is no publisher"
[[ "$NATS_URL" == none ]] || start_nats

heading "starting"
start service "$BINARY" serve
# Before the service is ready it receives no heartbeats, and the next one comes only after 30 s.
await 30 "the service on port $PORT to be ready" service_is_ready || fail "the service did not start"
alive service || fail "the service exited at its start; see its output above"

if [[ "$NATS_URL" != none ]]; then
  start publisher "$BINARY" heartbeat
  await 20 "$SLUG to be online" is_online || say "continuing without it; see the log above"
  heading "running, with a publisher for $SLUG (pid ${PID[publisher]}). Try:"
else
  heading "running. Try:"
fi
AT=""
[[ "$PORT" == 8001 ]] || AT=" --url http://127.0.0.1:$PORT"
offer() { printf '  %-48s %s\n' "$1" "$2" >&2; }
offer "curl http://127.0.0.1:$PORT/api/fed/projects" "list all projects"
offer "$BINARY projects list$AT" "list all projects as a table"
offer "http://127.0.0.1:$PORT/" "see all projects and their status, live"
offer "http://127.0.0.1:$PORT/docs" "browse and try the API"
[[ -z "${PID[publisher]-}" ]] || offer "kill ${PID[publisher]}" "stop only the publisher; $SLUG becomes offline"
offer "Ctrl-C" "stop everything"
say ""
watch
