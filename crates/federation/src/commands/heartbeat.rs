//! `federation heartbeat`.

mod program;

use anyhow::{Context as _, bail};
use federation_nats::{ActionKeys, HeartbeatPublisher, PublisherSettings};

use self::program::ActionProgram;
use crate::settings::{BusArgs, LogArgs, PublisherArgs, Secret, bus, fanout};
use crate::{log, signals};

/// Settings of `heartbeat`.
#[derive(Debug, clap::Args)]
pub struct HeartbeatArgs {
    /// The publisher.
    #[command(flatten)]
    pub publisher: PublisherArgs,

    /// Take this action by running this command, which is split at spaces and never passed to a shell;
    /// repeatable. The command gets the parameters on standard input, and its standard output is the
    /// result. Requires MESH_HMAC_KEY.
    #[arg(long, value_name = "ACTION=COMMAND", help_heading = "Actions")]
    pub on_action: Vec<String>,

    /// Check requests with this key: that of the project, as printed by `federation actions key`, or
    /// that of the service.
    #[arg(long, env, value_name = "KEY", hide_env_values = true, help_heading = "Actions")]
    pub mesh_hmac_key: Option<Secret>,

    /// Receive actions on these subjects: `action=subject`, comma-separated, as in the settings of the
    /// service.
    #[arg(long, env, value_name = "LIST", default_value = "", help_heading = "Actions")]
    pub fanout_subjects: String,

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
    let programs: Vec<ActionProgram> =
        args.on_action.iter().map(|text| ActionProgram::parse(text)).collect::<Result<_, _>>()?;
    let keys =
        args.mesh_hmac_key.as_ref().map(|key| ActionKeys::parse(key.expose(), &project.slug));
    let keys = keys.transpose().context("MESH_HMAC_KEY")?.unwrap_or_default();
    if keys.is_empty() && !programs.is_empty() {
        bail!("MESH_HMAC_KEY: expected a key because of --on-action, got nothing");
    }
    let settings = PublisherSettings {
        action_keys: keys,
        action_subjects: fanout::subjects(&args.fanout_subjects)?,
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
    let mut publisher = HeartbeatPublisher::connect(settings).await?;
    for program in programs {
        let action = program.action.clone();
        publisher
            .on_action(&action, move |call| program.clone().run(call))
            .context("--on-action")?;
    }
    publisher.run(end).await;
    tracing::info!("publisher has stopped");
    Ok(())
}
