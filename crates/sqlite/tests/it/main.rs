//! Tests of the store on real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod contract;
mod durability;
mod foreign_log;
mod foreign_rows;
mod metrics;
mod migrating;
mod processes;
mod rejections;
mod schema;
mod world;
