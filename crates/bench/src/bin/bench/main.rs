//! Measures the service and compares it with reference programs.
//!
//! **Owns** the reference programs, which do only the indispensable part of the work (a subscriber
//! that counts messages and an HTTP server with fixed bodies), and the table that compares the
//! service with them. They respond to `federation bench` like the service does, so the same load
//! generator measures both.
//!
//! **Must not know** how the service works inside. It is a process with a URL. (The
//! micro-benchmarks in `benches/` do call its functions.)
//!
//! **To extend it**: a new reference program is a file and a subcommand. A new row of the table is
//! a file in `table/rows/` and a variant of `Row`.

mod bodies;
mod samples;
mod subscriber;
mod table;

use std::process::ExitCode;

use clap::Parser as _;

/// Measure the service and compare it with reference programs.
#[derive(Debug, clap::Parser)]
#[command(name = "bench", version)]
enum Command {
    /// Run a NATS subscriber that only counts heartbeats.
    Subscriber(subscriber::SubscriberArgs),
    /// Run an HTTP server that responds with fixed bodies.
    Bodies(bodies::BodiesArgs),
    /// Publish samples of metrics.
    Samples(samples::SamplesArgs),
    /// Measure the service and the reference programs and print a table.
    Table(table::TableArgs),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Subscriber(args) => subscriber::run(args),
        Command::Bodies(args) => bodies::run(&args),
        Command::Samples(args) => samples::run(&args),
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
