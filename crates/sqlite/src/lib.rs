//! The embedded store of the federation service, on SQLite.
//!
//! **Owns** the SQL, the rows and the migrations (`migrations/sqlite`). [`SqliteCatalogStore`] is
//! all that it shows.
//!
//! **Must not know** HTTP, NATS or the liveness rule.
//!
//! # How it keeps its promises
//!
//! * Each call is one closure on a blocking thread, with the connection inside. A caller that goes
//!   away in between changes nothing: the transaction ends as it began, whole. This is why Diesel
//!   is used here without its asynchronous wrapper, whose transactions stay open when their future
//!   is dropped.
//! * One connection writes, in immediate transactions; others only read, and WAL lets them. A
//!   second process on the same file waits its turn for up to 5 s.
//! * WAL with `synchronous = FULL`: what was acknowledged is on the disk, as far as the disk keeps
//!   its word.
//! * What a project can do without (tags, namespace, interval, allowlist, source, reports) reads as
//!   absent or empty where it does not parse, with a warning, and stays stored as it is until the
//!   project is registered. A registration mends whatever row its slug has,
//!   but for one by a heartbeat: that leaves it as it is, and is told stand-ins.
//! * A commit judges a row that does not parse by its status and heartbeat alone, and then answers
//!   `Stale` with stand-ins for the rest: only a row that is absent is `Gone`.
//!
//! # To extend it
//!
//! A new column is a new migration (the same name in `migrations/postgres`), then the module
//! `schema`, which a test holds against the live database, then the row and the statements.

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
mod store;
mod timestamp;

pub use connection::ConnectError;
pub use store::SqliteCatalogStore;
