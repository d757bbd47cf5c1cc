//! Shared test support: fakes, contract suites and real servers.

mod clock;
pub mod contract;
mod fake_metrics;
mod fake_store;
mod log;
mod servers;

pub use clock::ManualClock;
pub use fake_metrics::FakeMetricStore;
pub use fake_store::{Backup, FakeStore};
pub use log::{entries_after, log_after, parsed};
pub use servers::{NatsServer, PgBouncer, PostgresServer, TestDatabase};
