//! `federation bench`: measures a running service, for those who size a deployment.
//!
//! What is measured is what a caller sees: the generators speak NATS and HTTP like anyone else, and
//! read the service's own counts at `/metrics`. They work against everything that answers in the
//! same way, so a limit can be measured by the same means as the service.

mod connection;
mod cpu;
mod exposition;
mod fleet;
pub mod heartbeats;
mod latency;
mod lifecycle;
mod progress;
pub mod queries;
mod stopwatch;
mod target;
pub mod watchers;

use self::target::Target;
use super::api_key::ApiKeyArgs;

/// Subcommands of `bench`.
#[derive(Debug, clap::Subcommand)]
pub enum BenchCommand {
    /// Publish heartbeats for many simulated projects, and tell what became of them.
    Heartbeats(Box<heartbeats::HeartbeatsArgs>),
    /// Ask over HTTP as fast as the service answers, and tell how fast that was.
    Queries(queries::QueriesArgs),
    /// Watch the changes by many streams at once, and tell whether each saw every one.
    Watchers(watchers::WatchersArgs),
}

/// The service that is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct MeasuredArgs {
    /// The service to measure; only http, since encryption would be measured too.
    #[arg(long, env = "FEDERATION_URL", value_name = "URL")]
    #[arg(default_value = "http://127.0.0.1:8001")]
    pub service_url: String,

    /// The key to show to the service.
    #[command(flatten)]
    pub key: ApiKeyArgs,

    /// Its process, if it runs on this machine (Linux): tells what it costs in CPU and memory.
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,

    /// How many simulated projects, by the slugs bench-000001, bench-000002 and so on.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=9_999_999))]
    pub projects: u32,

    /// Print JSON, for programs.
    #[arg(long)]
    pub json: bool,
}

impl MeasuredArgs {
    fn target(&self) -> anyhow::Result<Target> {
        Target::parse(&self.service_url, &self.key)
    }
}

/// Measures.
///
/// # Errors
/// When the service or NATS cannot be reached, or does not know the simulated projects.
pub fn run(command: BenchCommand) -> anyhow::Result<()> {
    match command {
        BenchCommand::Heartbeats(args) => heartbeats::run(*args),
        BenchCommand::Queries(args) => queries::run(&args),
        BenchCommand::Watchers(args) => watchers::run(&args),
    }
}
