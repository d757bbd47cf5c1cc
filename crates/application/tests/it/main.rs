//! The use cases, with time in hand and a store that can be taken away.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod catalog;
mod changes;
mod history;
mod listing;
mod outage;
mod presence;
mod probing;
mod replicas;
mod restart;
mod simulation;
mod together;
mod world;
mod writing;
