//! Load generators that measure a running service, for sizing a deployment.
//!
//! `federation bench` is the command line of this library. The generators see what a client sees:
//! they speak NATS and HTTP and read the counters at `/metrics`. They work against any server that
//! answers in the same way, so the limits are measured in the same way as the service.
//!
//! **Owns** the generators of load ([`heartbeats`], [`queries`], [`watchers`]), their reports and
//! the simulated projects.
//!
//! **Must not know** how the service works inside, settings or API keys files: a [`Target`] and
//! the settings of a NATS connection are passed in. The program `bench` (feature `limits`) measures
//! the service next to its limits, and the micro-benchmarks in `benches/` measure single functions.
//!
//! **To extend it**: a new measurement is a module with its arguments, a function `measure` and a
//! report, and a variant of the subcommand in `federation/src/commands/bench.rs`.

mod arguments;
mod connection;
pub mod cost;
mod exposition;
mod fleet;
pub mod heartbeats;
mod latency;
mod lifecycle;
mod progress;
pub mod queries;
mod simulation;
mod stopwatch;
mod target;
mod text;
pub mod watchers;

pub use self::simulation::SimulationArgs;
pub use self::target::Target;
