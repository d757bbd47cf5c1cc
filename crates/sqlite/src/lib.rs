//! Embedded store of the federation service, on SQLite.
//!
//! **Owns** the SQL, the rows and the migrations (`migrations/sqlite`). [`SqliteStore`] keeps the
//! catalog. [`SqliteMetricStore`] keeps the metrics that projects report, in a file of its own
//! (`migrations/sqlite-metrics`).
//!
//! **Must not know** HTTP, NATS or the liveness rule.
//!
//! # Guarantees
//!
//! * Each call is one closure on a blocking thread that owns the connection. If the caller is dropped
//!   meanwhile, the transaction still runs to its end. This is why Diesel is used without its
//!   asynchronous wrapper, whose transactions stay open when their future is dropped.
//! * One connection writes, in immediate transactions. The others only read, concurrently (WAL).
//!   A second process on the same file waits for up to 5 s.
//! * WAL with `synchronous = FULL`: an acknowledged write is on the disk, unless the disk
//!   acknowledges writes before it has stored them.
//! * Optional columns (tags, namespace, interval, allowlist, source, reports) that do not parse read as
//!   absent or empty, with a warning, and stay as they are until the project is registered. A
//!   registration repairs the row of its slug. A registration by a heartbeat does not: it leaves the
//!   row as it is and returns stand-ins.
//! * For a row that does not parse, a commit compares only the status and the heartbeat, and
//!   returns `Stale` with stand-ins for the rest. Only a missing row is `Gone`.
//!
//! # To extend it
//!
//! A new column is a migration with the same name as in `migrations/postgres`, then the module
//! `schema`, which a test compares with the live database, then the row and the statements. A new
//! port is an `impl` in `store` and a module with its statements. If it logs changes, it writes them
//! through the `UnitOfWork`.

mod actions;
mod change_log;
mod checkpoint;
mod commit;
mod connection;
mod edges;
mod error;
mod incidents;
mod instances;
mod listening_periods;
mod load;
mod maintenance;
mod metrics;
mod migrate;
mod outbox;
mod register;
mod remove;
mod retention;
mod row;
mod schema;
mod store;
mod timestamp;
mod unit_of_work;
mod uptime;

pub use connection::ConnectError;
pub use metrics::SqliteMetricStore;
pub use store::SqliteStore;
