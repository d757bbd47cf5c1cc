//! The fault suite: the real service on real servers under random faults, held against the truth.
//!
//! **How it works.** Some replicas of `federation serve` share one Postgres and one NATS server.
//! About thirty simulated projects send heartbeats, die and come back ([`fleet`]). Faults are chosen
//! from a seed ([`plan`]) and brought about ([`faults`]): processes are killed, stopped and ended,
//! servers too, links are cut and stalled. A model keeps the truth ([`truth`]): who really beat
//! when, and who could hear it. What the replicas say is looked at all the time ([`monitor`]), and
//! what the change log holds at the end ([`finish`]); both are held against the truth by the
//! [`invariants`], which are pure and tested.
//!
//! **Links** are TCP proxies of this crate ([`proxy`]), not network namespaces: they need no root,
//! so the suite is the same everywhere.
//!
//! **A seed** repeats the choices. Time is real, so it does not repeat their effects to the
//! millisecond.
//!
//! **No false alarms**: where the truth is not certain, for lack of time on a busy machine or since
//! a message was on its way, nothing is claimed. Each rule says where that is.
//!
//! **To extend it**: a new fault is a variant of [`plan::InjectedFault`] and an arm in [`faults`]; what it
//! disturbs is a [`truth::Part`]. A new rule is a pure function below [`invariants`], with a test
//! in which it fails, called from [`monitor`] or [`finish`].
//!
//! A development tool: it is not part of the service and is never shipped.

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

/// Threads of the runner: waiting for a server blocks one now and then.
const THREADS: usize = 4;

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    eprintln!("seed {seed}, {} replicas, {:?}", args.replicas, args.length());
    // What was started ends with the runtime, also where the run was interrupted.
    let clean = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("no runtime")
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
