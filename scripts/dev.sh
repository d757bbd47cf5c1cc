#!/usr/bin/env bash
# Runs the service as a developer wants to see it: a real NATS server, unless one answers already,
# the service on embedded SQLite with config/projects.yaml, and one heartbeat publisher for the
# project in it. Ctrl-C stops all that it started.
#
# SERVICE_PORT, NATS_URL, DATABASE_URL, PROJECT_SLUG and the rest come from the environment or .env.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# setting NAME DEFAULT: from the environment, else from .env, else the default.
setting() {
  local value="${!1-}"
  if [[ -z "$value" && -f .env ]]; then
    value="$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" .env |
      tail -n 1 | sed -e 's/[[:space:]]*$//' -e "s/^\(['\"]\)\(.*\)\1\$/\2/")"
  fi
  printf '%s' "${value:-$2}"
}

# answers HOST PORT: whether anything accepts connections there.
answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# A NATS server greets each client with its INFO.
greets_as_nats() {
  local greeting=""
  { exec 3<>"/dev/tcp/$1/$2"; } 2>/dev/null || return 1
  read -r -t 2 -n 4 greeting <&3 || true
  exec 3>&-
  [[ "$greeting" == INFO ]]
}

# http_get PORT PATH: the answer, headers and all. Without curl, which a fresh machine may lack.
http_get() {
  { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3
  timeout 5 cat <&3 || true
  exec 3>&-
}

# start NAME COMMAND...: runs it with each line of its output under its name. Pids in PID[NAME].
declare -A PID=()
PREFIXERS=()
start() {
  local name=$1
  shift
  # Ends with its input, not by a signal: the last words of a process that stops are to be seen.
  exec 4> >(trap '' INT TERM && exec sed -u "s/^/[$name] /")
  PREFIXERS+=($!)
  start_in_group "$@" >&4 2>&1
  PID[$name]=$STARTED
  exec 4>&-
}

# Whoever sends goes first, then who hears, then what is between them.
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
# To be stopped is how this ends well.
trap 'say ""; say "stopping"; exit 0' INT TERM

alive() { kill -0 "${PID[$1]}" 2>/dev/null; }

start_nats() {
  local address=${NATS_URL#*://} host port
  address=${address%%,*} address=${address##*@}
  host=${address%%:*} port=4222
  [[ "$address" != *:* ]] || port=${address##*:}
  port=${port%%/*}
  if answers "$host" "$port"; then
    greets_as_nats "$host" "$port" || fail "port $port of $host is taken by something that is no NATS server"
    say "using the NATS server that answers at $host:$port"
    return
  fi
  [[ "$host" == localhost || "$host" == 127.0.0.1 ]] ||
    fail "no NATS server answers at $host:$port, and this script starts one on this machine only"
  ./scripts/get-nats.sh
  start nats .tools/bin/nats-server --addr 127.0.0.1 --port "$port"
  await 15 "NATS on port $port" nats_is_up "$port" || fail "the NATS server did not start"
  alive nats || fail "the NATS server ended at its start"
}

nats_is_up() { ! alive nats || greets_as_nats 127.0.0.1 "$1"; }
service_is_up() { ! alive service || [[ "$(http_get "$PORT" /health)" == *'"service":"federation"'* ]]; }
is_online() { [[ "$(http_get "$PORT" "/api/fed/projects/$SLUG")" == *'"status":"online"'* ]]; }

# The person may stop the publisher; the others must not end by themselves.
watch() {
  local name status
  while true; do
    for name in nats service; do
      [[ -z "${PID[$name]-}" ]] || alive "$name" || fail "$name ended by itself; stopping the rest"
    done
    if [[ -n "${PID[publisher]-}" ]] && ! alive publisher; then
      status=0
      wait "${PID[publisher]}" || status=$?
      ((status == 0 || status > 128)) || fail "the publisher ended with status $status; stopping the rest"
      unset "PID[publisher]"
      say "the publisher is stopped: $SLUG turns degraded after two missed intervals, offline after three"
    fi
    wait -n || true
  done
}

PORT="$(setting SERVICE_PORT 8001)"
SLUG="$(setting PROJECT_SLUG commandcenter)"
NATS_URL="$(setting NATS_URL nats://localhost:4222)"

require_rust
heading "building"
run cargo build --package federation
BINARY="${CARGO_TARGET_DIR:-./target}/debug/federation"

! answers 127.0.0.1 "$PORT" || fail "port $PORT is taken; set SERVICE_PORT to another one"
[[ "$NATS_URL" != none ]] || say "NATS_URL is none: without a broker there is no publisher either"
[[ "$NATS_URL" == none ]] || start_nats

heading "starting"
start service "$BINARY" serve
await 30 "the service on port $PORT" service_is_up || fail "the service did not start"
alive service || fail "the service ended at its start; its last words are above"

if [[ "$NATS_URL" != none ]]; then
  start publisher "$BINARY" heartbeat
  await 20 "$SLUG to be online" is_online || say "the service goes on; see its log above"
  heading "$SLUG has a publisher, pid ${PID[publisher]}. See for yourself:"
else
  heading "running. See for yourself:"
fi
AT=""
[[ "$PORT" == 8001 ]] || AT=" --url http://127.0.0.1:$PORT"
offer() { printf '  %-48s %s\n' "$1" "$2" >&2; }
offer "curl http://127.0.0.1:$PORT/api/fed/projects" "who is alive"
offer "$BINARY projects list$AT" "the same as a table"
offer "http://127.0.0.1:$PORT/docs" "the API, to try out"
[[ -z "${PID[publisher]-}" ]] || offer "kill ${PID[publisher]}" "stop the publisher alone, to see $SLUG offline"
offer "Ctrl-C" "stops everything"
say ""
watch
