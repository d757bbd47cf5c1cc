//! Options shared by the measurements that use simulated projects.

use crate::arguments::whole;

/// Options of measurements that use the simulated projects.
#[derive(Debug, Clone, clap::Args)]
pub struct SimulationArgs {
    /// Report the CPU time and memory of this process on this machine (Linux only).
    #[arg(long, value_name = "PID", value_parser = whole::<u32>(1..=u64::from(u32::MAX)))]
    pub pid: Option<u32>,

    /// Simulate this number of projects, with slugs from bench-000001 on.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = whole::<u32>(1..=9_999_999))]
    pub projects: u32,
}
