//! Measures the service beside its limits.
//!
//! **Owns** the limits, programs that do nothing but what cannot be done without: a subscriber that
//! only counts ([`subscriber`]) and a server that answers with fixed bodies ([`bodies`]). They answer
//! to `federation bench` as the service does, so both are measured by the same generator.
//!
//! **Must not know** how the service does its work: it is a process with a URL.
//!
//! **To extend it**: a new limit is a file and a subcommand.

mod bodies;
mod subscriber;

use clap::Parser as _;

/// Measures the service beside its limits.
#[derive(Debug, clap::Parser)]
#[command(name = "bench", version)]
enum Command {
    /// Run a NATS subscriber that only counts heartbeats.
    Subscriber(subscriber::SubscriberArgs),
    /// Run an HTTP server that answers with fixed bodies.
    Bodies(bodies::BodiesArgs),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Subscriber(args) => subscriber::run(args),
        Command::Bodies(args) => bodies::run(&args),
    }
}
