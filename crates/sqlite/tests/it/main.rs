//! The store against real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod contract;
mod durability;
mod foreign_rows;
mod processes;
mod schema;
mod world;
