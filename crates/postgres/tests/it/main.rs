//! Tests of the store against a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod adoption;
mod client_reads;
mod contract;
mod foreign_log;
mod foreign_rows;
mod held_rows;
mod metrics;
mod migrating;
mod outage;
mod pooler;
mod read_only;
mod rejections;
mod schema;
mod tls;
mod world;
