# Common tasks. Run `just` to list them. Each is a line or two, so just itself is optional.

compose := "docker compose --file docker/compose.yaml"

# List the recipes.
_default:
    @just --list --unsorted

# Run NATS, the service on SQLite and a heartbeat publisher until Ctrl-C.
dev:
    ./scripts/dev.sh

# Run every check that a change must pass, like CI.
test:
    ./scripts/test.sh

# Run only the tests, or those whose names contain the filter.
test-only *filter:
    ./scripts/test.sh --only-tests {{ filter }}

# Run a federation of 40 projects for demonstration until Ctrl-C.
demo:
    ./scripts/demo.sh

# Build the page, which `cargo build` then embeds.
build-page:
    ./scripts/build-page.sh

# Check the page: licences, types, unit tests, and tests in a browser.
check-page *filter:
    ./scripts/check-page.sh {{ filter }}

# Check the service against its OpenAPI document: --examples 200 --minutes 15 --seed 1.
api-check *args:
    ./scripts/api-check.sh {{ args }}

# Check the formats of the graph with Graphviz, Mermaid and the schema of GraphML: --update.
check-graph *args:
    ./scripts/check-graph.sh {{ args }}

# Check the queries of the dashboards and alerts against a running service.
check-queries:
    ./scripts/check-queries.sh

# Inject random faults into real processes: --minutes 30 --replicas 3 --seed 7.
faults *args:
    ./scripts/faults.sh {{ args }}

# Break the service on purpose and check that the tests detect it.
mutants *names:
    ./scripts/mutants.sh {{ names }}

# Run the servers for `cargo test --workspace` in another terminal until Ctrl-C.
test-servers:
    ./scripts/test-servers.sh

# Build the optimised binary target/release/federation.
build:
    cargo build --release --package federation

# Run the service with the settings of the environment and .env.
serve *args:
    cargo run --package federation -- serve {{ args }}

# Apply pending migrations to the database of DATABASE_URL.
migrate *args:
    cargo run --package federation -- migrate {{ args }}

# Publish heartbeats for one project until Ctrl-C.
heartbeat *args:
    cargo run --package federation -- heartbeat {{ args }}

# Format the code.
fmt:
    cargo fmt --all

# Run clippy and check the layering. Warnings are errors.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    ./scripts/check-layers.sh

# Build the documentation of the crates and open it in a browser.
doc:
    cargo doc --workspace --no-deps --all-features --open

# Build the container image.
docker-build:
    {{ compose }} build

# Run Postgres, NATS and the service in containers and wait until it is ready.
up:
    {{ compose }} up --build --wait

# Stop the containers and keep their data.
down:
    {{ compose }} down

# Remove build artefacts and downloaded tools, but no database.
clean:
    cargo clean
    rm -rf .tools crates/web/ui/node_modules
