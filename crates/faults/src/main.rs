//! The fault suite: the real service on real servers under random faults, checked against a model.
//!
//! **How it works.** Several replicas of `federation serve` share one Postgres and one NATS server.
//! About thirty simulated projects ([`roster`]) send heartbeats, die and come back ([`fleet`]).
//! Faults are chosen from a seed ([`plan`]) and injected ([`faults`]): processes are killed, stopped
//! and terminated, servers too, and links are cut and stalled. The model ([`truth`]) records which
//! project sent heartbeats at which time and which replicas could receive them. The statements of
//! the replicas are read continuously ([`monitor`]) and the change log at the end ([`finish`]). The
//! [`invariants`] are pure functions that compare both with the model.
//!
//! **Must not know** the crates of the service. It uses only the binary, the API, the metrics and
//! the tables of the store.
//!
//! **To extend it**: a new fault is a variant of [`plan::InjectedFault`] and an arm in [`faults`];
//! what it disturbs is a [`truth::Part`]. A new rule is a pure function below [`invariants`], with a
//! test in which it fails, called from [`monitor`] or [`finish`].
//!
//! This is a development tool, which is not part of the service and never shipped.

mod actions;
mod args;
mod clerk;
mod clock;
mod faults;
mod finish;
mod fleet;
mod http;
mod invariants;
mod monitor;
mod nats;
mod plan;
mod proxy;
mod replica;
mod report;
mod roster;
mod run;
mod seen;
mod store;
mod truth;
mod world;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use args::Args;

/// Number of worker threads. Waiting for a server may block one.
const THREADS: usize = 4;

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    eprintln!("seed {seed}, {} replicas, {:?}", args.replicas, args.length());
    // All started processes end with the runtime, even if the run is interrupted.
    let clean = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("cannot start the async runtime")
        .and_then(|runtime| runtime.block_on(run_or_interrupted(&args, seed)));
    match clean {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run_or_interrupted(args: &Args, seed: u64) -> anyhow::Result<bool> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    tokio::select! {
        clean = run::run(args, seed) => clean,
        _ = terminated.recv() => anyhow::bail!("terminated"),
        _ = interrupted.recv() => anyhow::bail!("interrupted"),
    }
}
