# What a developer does here. `just` alone lists it. Each is a line or two: without just, read on
# and type it yourself.

compose := "docker compose --file docker/compose.yaml"

# Lists the recipes.
_default:
    @just --list --unsorted

# NATS, the service on SQLite and one heartbeat publisher, until Ctrl-C.
dev:
    ./scripts/dev.sh

# Every check that a change must pass, as CI runs it.
test:
    ./scripts/test.sh

# The tests alone, or those whose name holds the filter.
test-only *filter:
    ./scripts/test.sh --only-tests {{ filter }}

# Holds the running service against its OpenAPI document: --examples 200 --minutes 15 --seed 1.
api-check *args:
    ./scripts/api-check.sh {{ args }}

# Random faults on real processes: --minutes 30 --replicas 3 --seed 7.
faults *args:
    ./scripts/faults.sh {{ args }}

# Breaks the service on purpose, and sees that it is caught.
mutants *names:
    ./scripts/mutants.sh {{ names }}

# The servers for `cargo test --workspace` in another terminal, until Ctrl-C.
test-servers:
    ./scripts/test-servers.sh

# The optimised binary, at target/release/federation.
build:
    cargo build --release --package federation

# The service with the settings of the environment and .env.
serve *args:
    cargo run --package federation -- serve {{ args }}

# Brings the database of DATABASE_URL to the newest form.
migrate *args:
    cargo run --package federation -- migrate {{ args }}

# One heartbeat publisher, until Ctrl-C.
heartbeat *args:
    cargo run --package federation -- heartbeat {{ args }}

# Formats the code.
fmt:
    cargo fmt --all

# Lints, warnings being errors, and the layering.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    ./scripts/check-layers.sh

# The documentation of the crates, in a browser.
doc:
    cargo doc --workspace --no-deps --all-features --open

# The container image.
docker-build:
    {{ compose }} build

# Postgres, NATS and the service in containers, migrated and ready.
up:
    {{ compose }} up --build --wait

# Stops them; their data stays.
down:
    {{ compose }} down

# Removes what was built and fetched; not the database.
clean:
    cargo clean
    rm -rf .tools
