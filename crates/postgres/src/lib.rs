//! The store of the federation service on Postgres.
//!
//! **Owns** the SQL, the rows and the migrations (`migrations/postgres`). [`PgCatalogStore`] is all
//! that it shows.
//!
//! **Must not know** HTTP, NATS or the liveness rule.
//!
//! # How it keeps its promises
//!
//! * Whoever writes changes locks the one row of `catalog_state` first and holds it to the end of
//!   the transaction, so revisions become visible in order and without gaps. A replica that stops
//!   in between loses the lock by `idle_in_transaction_session_timeout`.
//! * Rows of projects are locked in the order of their ids, so checkpoints of several replicas
//!   cannot deadlock with each other or with a commit. A checkpoint does not take the first lock:
//!   it never delays a status change of a project that it does not touch.
//! * Spells of listening are joined by one replica at a time, under an advisory lock. It is the last
//!   lock that a checkpoint takes, so it is part of no deadlock, and no change of a project waits
//!   for it.
//! * Each batch is a fixed number of statements, with arrays as their parameters.
//! * Each call has a deadline. One that it misses, and one whose connection is lost, is
//!   [`Unavailable`](federation_domain::StoreError::Unavailable). If the connection is lost while
//!   a commit is being acknowledged, nobody can know whether it was applied; trying again is safe,
//!   since each write compares with what is stored.
//! * What another program wrote into a row is read as it stands and parsed row by row: a bad one
//!   never hides the others.
//! * What a project can do without (tags, namespace, interval, allowlist, source, reports) reads as
//!   absent or empty where it does not parse, with a warning, and stays stored as it is until the
//!   project is registered. A registration mends whatever row its slug has,
//!   but for one by a heartbeat: that leaves it as it is, and is told stand-ins.
//! * A commit judges a row that does not parse by its status and heartbeat alone, and then answers
//!   `Stale` with stand-ins for the rest: only a row that is absent is `Gone`.
//!
//! # To extend it
//!
//! A new column is a new migration (the same name in `migrations/sqlite`), then the module
//! `schema`, which a test holds against the live database, then the row and the statements.

mod address;
mod change_log;
mod checkpoint;
mod commit;
mod connection;
mod error;
mod load;
mod migrate;
mod register;
mod remove;
mod row;
mod schema;
mod spells;
#[cfg(test)]
mod statement_count;
mod store;
mod tls;

pub use address::ConnectError;
pub use store::PgCatalogStore;
