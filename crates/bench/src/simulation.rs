//! Options shared by the measurements that use simulated projects.

/// Options of measurements that use the simulated projects.
#[derive(Debug, Clone, clap::Args)]
pub struct SimulationArgs {
    /// Report the CPU time and memory of this process on this machine (Linux only).
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,

    /// Simulate this number of projects, with slugs from bench-000001 on.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=9_999_999))]
    pub projects: u32,
}
