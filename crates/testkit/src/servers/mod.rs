//! Real servers for tests: Postgres and NATS.
//!
//! If a server program is missing, the test panics with instructions. It is never skipped silently.
//! Every wait has a deadline and an error that names what was awaited.
//!
//! * [`TestDatabase`]: a fresh database on the cluster that `scripts/test.sh` starts. Suits nearly
//!   every test that needs Postgres.
//! * [`PostgresServer`]: a separate cluster that can be killed, paused and restarted.
//! * [`NatsServer`]: a separate NATS server. It starts in milliseconds, so each test has its own.
//!
//! Waits block a thread of tokio's blocking pool instead of using the timer of the runtime, so these
//! servers work under paused time too.

mod database;
mod deadline;
mod nats;
mod pgbouncer;
mod postgres;
mod postgres_files;
mod process;

pub use database::TestDatabase;
pub use nats::NatsServer;
pub use pgbouncer::PgBouncer;
pub use postgres::PostgresServer;

/// Instructions that end each message about a missing server.
const HOW_TO_GET: &str = "run the tests with `./scripts/test.sh`, which installs and starts the \
                          servers, or see `just test-servers`";

/// Runs blocking work on the blocking pool and propagates its panic.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(reason) => std::panic::resume_unwind(reason),
            Err(cancelled) => panic!("runtime stopped while waiting for a server: {cancelled}"),
        },
    }
}
