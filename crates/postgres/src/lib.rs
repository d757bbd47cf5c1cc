//! Store of the federation service on Postgres.
//!
//! **Owns** the SQL, the rows and the migrations (`migrations/postgres`). [`PgStore`] keeps the
//! catalog, and [`PgMetricStore`] the metrics that projects report, with a pool of its own.
//!
//! **Must not know** HTTP, NATS or the liveness rule.
//!
//! # Guarantees
//!
//! * A transaction that writes changes locks the single row of `catalog_state` first and holds the
//!   lock until it ends, so revisions become visible in order and without gaps. A replica that stops
//!   in between loses the lock through `idle_in_transaction_session_timeout`.
//! * Commits and checkpoints skip rows that another transaction holds, so they wait for no row. A
//!   checkpoint is a single statement, so a replica that is paused in between holds no lock. It does
//!   not take the lock of `catalog_state`. Registrations lock rows in the order of their ids.
//! * Listening periods are joined by one replica at a time, under an advisory lock. It is the last
//!   lock that a checkpoint takes, so it is not part of a deadlock, and no change of a project waits
//!   for it.
//! * Each batch is a fixed number of statements with array parameters.
//! * Each call has a deadline. A call that exceeds it, or whose connection is lost, fails with
//!   [`Unavailable`](federation_domain::StoreError::Unavailable). If the connection is lost while a
//!   commit is acknowledged, the outcome is unknown. A retry is safe, because each write compares
//!   with what is stored.
//! * A write that the database rejects because of its values fails with
//!   [`Rejected`](federation_domain::StoreError::Rejected). If the database rejects every write, the
//!   error is [`Failed`](federation_domain::StoreError::Failed).
//! * Rows are parsed one by one, so a row that another program broke never hides others.
//! * Optional columns (tags, namespace, interval, allowlist, source, reports) that do not parse read as
//!   absent or empty, with a warning, and stay as they are until the project is registered. A
//!   registration repairs the row of its slug. A registration by a heartbeat does not: it leaves the
//!   row as it is and returns stand-ins.
//! * For a row that does not parse, a commit compares only the status and the heartbeat, and
//!   returns `Stale` with stand-ins for the rest. Only a missing row is `Gone`.
//!
//! # To extend it
//!
//! A new column is a migration with the same name as in `migrations/sqlite`, then the module `schema`,
//! which a test compares with the live database, then the row and the statements. A new port is an
//! `impl` in `store` and a module with its statements. If it logs changes, it writes them through
//! the `UnitOfWork`.

mod actions;
mod address;
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
mod rejection;
mod remove;
mod retention;
mod row;
mod schema;
#[cfg(test)]
mod statement_count;
mod store;
mod tls;
mod unit_of_work;
mod uptime;

pub use address::ConnectError;
pub use metrics::PgMetricStore;
pub use store::PgStore;
