//! `federation heartbeat`.

use anyhow::Context as _;
use federation_nats::{HeartbeatPublisher, PublisherSettings};

use crate::settings::{BusArgs, LogArgs, PublisherArgs, bus};
use crate::{log, signals};

/// Settings of `heartbeat`.
#[derive(Debug, clap::Args)]
pub struct HeartbeatArgs {
    /// The publisher.
    #[command(flatten)]
    pub publisher: PublisherArgs,

    /// The bus.
    #[command(flatten)]
    pub bus: BusArgs,

    /// The log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Publishes heartbeats until SIGTERM or Ctrl-C. Waits for an unavailable server.
///
/// # Errors
/// Fails if a setting is invalid.
pub async fn run(args: HeartbeatArgs) -> anyhow::Result<()> {
    log::init(&args.log)?;
    let project = args.publisher.resolve()?;
    let nats = args.bus.resolve().context("NATS_URL: expected a server to publish to, got none")?;
    bus::check(&nats).await?;
    let settings = PublisherSettings {
        mesh_namespace: project.mesh_namespace,
        interval: project.interval,
        ..PublisherSettings::new(project.slug, project.hub_url, nats)
    };
    let end = signals::stop().context("cannot install signal handlers")?;
    tracing::info!(
        project.slug = %settings.slug,
        interval_seconds = settings.interval.as_seconds(),
        "publisher is starting"
    );
    HeartbeatPublisher::connect(settings).await?.run(end).await;
    tracing::info!("publisher has stopped");
    Ok(())
}
