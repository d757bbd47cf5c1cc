# shellcheck shell=bash
# Functions shared by the scripts. Sourcing this file changes to the root of the repository.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT" || exit 1

# --- Messages -----------------------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }
heading() { printf '\n==> %s\n' "$*" >&2; }
fail() {
  printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# --- Processes ----------------------------------------------------------------------------------

# Seconds between SIGTERM and SIGKILL.
STOP_TIMEOUT=15

# start_in_group COMMAND...: starts COMMAND in the background in its own process group and sets
# $STARTED to its pid. Ctrl-C then reaches only this script, which stops its processes in order.
start_in_group() {
  set -m
  "$@" </dev/null &
  STARTED=$!
  set +m
}

# run COMMAND...: runs COMMAND and returns its status. It can be interrupted; stop_running then stops
# COMMAND.
RUNNING=""
run() {
  local status=0
  start_in_group "$@"
  RUNNING=$STARTED
  wait "$RUNNING" || status=$?
  RUNNING=""
  return "$status"
}

# Stops the command of an interrupted run, including its children.
stop_running() {
  [[ -z "$RUNNING" ]] || kill -TERM -- "-$RUNNING" 2>/dev/null || true
  RUNNING=""
}

# stop_process NAME PID [SIGNAL]: stops a process and waits for its exit.
stop_process() {
  local name=$1 pid=$2 signal=${3:-TERM} tenths
  kill -s "$signal" "$pid" 2>/dev/null || return 0
  for ((tenths = 0; tenths < STOP_TIMEOUT * 10; tenths++)); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  say "$name (pid $pid) did not stop within ${STOP_TIMEOUT} s of SIG$signal; killing it"
  kill -KILL "$pid" 2>/dev/null || true
}

# await SECONDS WHAT COMMAND...: repeats COMMAND until it succeeds. Prints a message and fails after
# SECONDS.
await() {
  local seconds=$1 what=$2 tenths
  shift 2
  for ((tenths = 0; tenths < seconds * 10; tenths++)); do
    "$@" && return 0
    sleep 0.1
  done
  say "timed out after ${seconds} s waiting for $what"
  return 1
}

# --- Programs -----------------------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [[ "$(id -u)" -eq 0 ]]; then
    "$@"
  elif has sudo; then
    sudo "$@"
  else
    fail "root is required for: $*; run this script as root once, or install sudo"
  fi
}

# apt_install PACKAGE...: installs Debian packages. Prints nothing unless it fails.
apt_install() {
  local log
  has apt-get || fail "please install the equivalent of the Debian packages: $* (apt-get is not available)"
  say "installing $* with apt-get"
  log="$(mktemp)"
  if ! { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install: $*"
  fi
  rm -f "$log"
}

# Only Rust is not installed automatically. The C compiler is needed for linking and for SQLite.
require_rust() {
  has cargo || fail "cargo is not installed; see https://rustup.rs"
  has cc || apt_install gcc libc6-dev
}

require_rust_components() {
  local component
  for component in fmt clippy; do
    cargo "$component" --version >/dev/null 2>&1 ||
      fail "cargo $component is not installed; run: rustup component add rustfmt clippy"
  done
}

# build_debug PACKAGE [CARGO OPTION...]: builds the debug binaries of a package and sets $BINARIES to
# their folder. Uses those in the folder $PREBUILT_BINARIES instead if it is set.
build_debug() {
  local package=$1
  [[ -z "${PREBUILT_BINARIES-}" ]] || { BINARIES=$PREBUILT_BINARIES && return; }
  run cargo build --package "$package" "${@:2}" || fail "the build of $package failed"
  BINARIES="$(built_binaries)"
}

built_binaries() { printf '%s/debug' "$(realpath "${CARGO_TARGET_DIR:-target}")"; }

# --- Postgres -----------------------------------------------------------------------------------

# Prints the directory of the newest Postgres: Debian's, otherwise the one on PATH, otherwise nothing.
postgres_bin() {
  local newest
  newest="$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/initdb' 2>/dev/null |
    sort --version-sort | tail -n 1)"
  [[ -n "$newest" ]] || newest="$(command -v initdb || true)"
  [[ -z "$newest" ]] || dirname "$newest"
}

# Runs a program as the user postgres if this is root, because Postgres refuses to run as root. setpriv
# replaces itself, so its pid is that of the program.
as_postgres() {
  if [[ "$(id -u)" -eq 0 ]]; then
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"
  else
    exec "$@"
  fi
}

postgres_is_ready() {
  ! kill -0 "$POSTGRES_PID" 2>/dev/null ||
    [[ "$(sed -n '1p;8p' "$POSTGRES_DIR/data/postmaster.pid" 2>/dev/null | tr -d ' \n')" == "${POSTGRES_PID}ready" ]]
}

# Starts a temporary cluster without durability on a free port of the loopback interface. Sets
# POSTGRES_PID and POSTGRES_DIR and exports FEDERATION_TEST_POSTGRES.
POSTGRES_PID="" POSTGRES_DIR=""
start_postgres() {
  local bin port attempt
  bin="$(postgres_bin)"
  POSTGRES_DIR="$(mktemp -d "${TMPDIR:-/tmp}/federation-postgres.XXXXXX")"
  [[ "$(id -u)" -ne 0 ]] || chown postgres: "$POSTGRES_DIR"
  (cd "$POSTGRES_DIR" && as_postgres "$bin/initdb" --pgdata "$POSTGRES_DIR/data" --username postgres \
    --auth trust --encoding UTF8 --locale C --no-sync --no-instructions) >"$POSTGRES_DIR.log" 2>&1 ||
    { cat "$POSTGRES_DIR.log" >&2 && fail "initdb failed"; }

  # Postgres cannot choose a free port itself. If a port is taken, it exits and another one is tried.
  for ((attempt = 0; attempt < 10; attempt++)); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    start_in_group postgres_server "$bin" "$port"
    POSTGRES_PID=$STARTED
    await 60 "Postgres to be ready" postgres_is_ready || break
    if kill -0 "$POSTGRES_PID" 2>/dev/null; then
      export FEDERATION_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres"
      return 0
    fi
    grep -q "could not bind" "$POSTGRES_DIR.log" || break
  done
  tail -n 20 "$POSTGRES_DIR.log" >&2
  fail "Postgres did not start"
}

postgres_server() {
  cd "$POSTGRES_DIR" || exit 1
  as_postgres "$1/postgres" -D "$POSTGRES_DIR/data" -h 127.0.0.1 -p "$2" -k "$POSTGRES_DIR" \
    -c fsync=off -c max_connections=300 >"$POSTGRES_DIR.log" 2>&1
}

stop_postgres() {
  # SIGQUIT stops immediately. The data is not needed any more.
  [[ -z "$POSTGRES_PID" ]] || stop_process Postgres "$POSTGRES_PID" QUIT
  [[ -z "$POSTGRES_DIR" ]] || rm -rf "$POSTGRES_DIR" "$POSTGRES_DIR.log"
  POSTGRES_PID="" POSTGRES_DIR=""
}
