//! Measures the service beside its limits.
//!
//! **Owns** the limits, programs that do nothing but what cannot be done without: a subscriber that
//! only counts and a server that answers with fixed bodies; and the table that sets each figure of
//! the service beside its limit. They answer to `federation bench` as the service does, so both are
//! measured by the same generator.
//!
//! **Must not know** how the service does its work: it is a process with a URL. (The
//! micro-benchmarks in `benches/` look inside; the programs here do not.)
//!
//! **To extend it**: a new limit is a file and a subcommand; a new row is a file in `table/rows/`
//! and a variant of its `Row`.

mod bodies;
mod subscriber;
mod table;

use std::process::ExitCode;

use clap::Parser as _;

/// Measures the service beside its limits.
#[derive(Debug, clap::Parser)]
#[command(name = "bench", version)]
enum Command {
    /// Run a NATS subscriber that only counts heartbeats.
    Subscriber(subscriber::SubscriberArgs),
    /// Run an HTTP server that answers with fixed bodies.
    Bodies(bodies::BodiesArgs),
    /// Measure the service beside its limits, and print the table.
    Table(table::TableArgs),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Subscriber(args) => subscriber::run(args),
        Command::Bodies(args) => bodies::run(&args),
        Command::Table(args) => table::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
