//! `federation bench`: measures a running service, for sizing a deployment.
//!
//! The measurements are in the crate `federation-bench`. This module has their command line.

use std::fmt::Display;

use anyhow::Context as _;
use federation_bench::Target;
use federation_bench::heartbeats::{self, HeartbeatsArgs};
use federation_bench::queries::{self, QueriesArgs};
use federation_bench::watchers::{self, WatchersArgs};
use federation_nats::NatsSettings;
use serde::Serialize;
use url::Url;

use super::api_key::ApiKeyArgs;
use crate::settings::{BusArgs, bus};
use crate::{open_files, output};

/// Subcommands of `bench`.
#[derive(Debug, clap::Subcommand)]
pub enum BenchCommand {
    /// Publish heartbeats for simulated projects and report how the service handles them.
    Heartbeats(Box<BenchHeartbeatsArgs>),
    /// Send HTTP requests as fast as they are answered and report rates and latencies.
    Queries(BenchQueriesArgs),
    /// Open many event streams and check that each receives every change exactly once.
    Watchers(BenchWatchersArgs),
}

/// The service to measure and the format of the report.
#[derive(Debug, Clone, clap::Args)]
pub struct ServiceArgs {
    /// Measure the service at this URL. HTTPS is not supported, because TLS would be measured too.
    #[arg(long, env = "FEDERATION_URL", value_name = "URL")]
    #[arg(default_value = "http://127.0.0.1:8001")]
    pub service_url: String,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// The API key.
    #[command(flatten)]
    pub key: ApiKeyArgs,
}

/// Arguments of `bench heartbeats`.
#[derive(Debug, clap::Args)]
pub struct BenchHeartbeatsArgs {
    /// The measurement.
    #[command(flatten)]
    pub measurement: HeartbeatsArgs,

    /// The service.
    #[command(flatten)]
    pub service: ServiceArgs,

    /// The NATS connection of the generator.
    #[command(flatten)]
    pub bus: BusArgs,
}

/// Arguments of `bench queries`.
#[derive(Debug, clap::Args)]
pub struct BenchQueriesArgs {
    /// The measurement.
    #[command(flatten)]
    pub measurement: QueriesArgs,

    /// The service.
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Arguments of `bench watchers`.
#[derive(Debug, clap::Args)]
pub struct BenchWatchersArgs {
    /// The measurement.
    #[command(flatten)]
    pub measurement: WatchersArgs,

    /// The service.
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Runs a measurement and prints its report.
///
/// # Errors
/// Fails if the service or NATS cannot be reached, if the service does not know the simulated
/// projects, or if a watcher missed a change or received it twice.
pub fn run(command: BenchCommand) -> anyhow::Result<()> {
    match command {
        BenchCommand::Heartbeats(args) => {
            let target = args.service.target()?;
            let nats = nats_settings(&args.bus)?;
            args.service.print(&heartbeats::measure(&args.measurement, &target, &nats)?)
        }
        BenchCommand::Queries(args) => {
            let target = args.service.target()?;
            args.service.print(&queries::measure(&args.measurement, &target)?)
        }
        BenchCommand::Watchers(args) => {
            // Each watcher uses a connection.
            open_files::raise_limit();
            let target = args.service.target()?;
            let report = watchers::measure(&args.measurement, &target)?;
            args.service.print(&report)?;
            report.check()
        }
    }
}

fn nats_settings(args: &BusArgs) -> anyhow::Result<NatsSettings> {
    let settings = args
        .resolve()
        .context("NATS_URL: expected a server, because heartbeats are published over NATS")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(bus::check(&settings))?;
    Ok(settings)
}

impl ServiceArgs {
    fn target(&self) -> anyhow::Result<Target> {
        let name = "FEDERATION_URL (or --service-url)";
        let url = Url::parse(self.service_url.trim())
            .with_context(|| format!("{name}: expected an http URL"))?;
        let target = Target::resolve(&url).context(name)?;
        Ok(match self.key.for_service(&url)? {
            Some(key) => target.with_key(key.expose()),
            None => target,
        })
    }

    fn print(&self, report: &(impl Display + Serialize)) -> anyhow::Result<()> {
        let text =
            if self.json { serde_json::to_string_pretty(report)? } else { report.to_string() };
        Ok(output::print(&text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_url_is_reported_under_its_setting() {
        for url in ["", "localhost:8001", "https://h", "/x"] {
            let service_url = url.to_owned();
            let args = ServiceArgs { service_url, json: false, key: ApiKeyArgs::default() };
            let error = format!("{:#}", args.target().unwrap_err());
            assert!(error.starts_with("FEDERATION_URL"), "{error}");
            assert!(error.contains("expected an http URL"), "{error}");
        }
    }
}
