//! Use cases with a manual clock and a store that can become unavailable.

#![expect(clippy::unwrap_used, reason = "a failed assumption fails the test")]

mod catalog;
mod changes;
mod client_reads;
mod endpoints;
mod expiring;
mod flapping;
mod graph;
mod hanging;
mod held_rows;
mod history;
mod incidents;
mod instances;
mod listing;
mod outage;
mod presence;
mod probing;
mod rejections;
mod replicas;
mod restart;
mod simulation;
mod together;
mod upkeep;
mod world;
mod writing;
