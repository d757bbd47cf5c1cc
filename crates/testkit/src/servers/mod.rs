//! Real servers for tests: Postgres and NATS.
//!
//! A server that a test needs and that this machine does not have is a panic that says how to get
//! it, never a silent skip. Every wait has a deadline and says what it waited for.
//!
//! * [`TestDatabase`]: a fresh database on the cluster that `scripts/test.sh` starts; for nearly
//!   every test that needs Postgres.
//! * [`PostgresServer`]: a cluster of one's own, to be killed, paused and started again.
//! * [`NatsServer`]: a broker of one's own; it starts in milliseconds, so each test has its own.
//!
//! Waiting blocks a thread of tokio's blocking pool, not the timer of the test's runtime: these
//! servers work under paused time as well.

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

/// How a developer gets the servers that the tests need; the end of each "missing" message.
const HOW_TO_GET: &str = "run the tests with `./scripts/test.sh`, which gets and starts what they \
                          need, or see `just test-servers`";

/// Runs blocking work off the runtime's own threads; its panic becomes the caller's.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(reason) => std::panic::resume_unwind(reason),
            Err(cancelled) => panic!("the runtime stopped while a server was awaited: {cancelled}"),
        },
    }
}
