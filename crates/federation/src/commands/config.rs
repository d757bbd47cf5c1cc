//! `federation config`.

use std::path::PathBuf;

use anyhow::bail;

use crate::alerts_file::{self, AlertsFileError};
use crate::settings::value::boolean;
use crate::{output, projects_file};

/// Subcommands of `config`.
#[derive(Debug, clap::Subcommand)]
pub enum ConfigCommand {
    /// Check a projects file, and the alerts file if it exists, without applying them. Exits
    /// with 1 if one is invalid or the projects file has no list.
    Check {
        /// File to check.
        #[arg(env = "PROJECTS_FILE", default_value = "config/projects.yaml")]
        file: PathBuf,

        /// Alerts file: channels, routes and metric rules.
        #[arg(long, env, value_name = "FILE", default_value = "config/alerts.yaml")]
        alerts_file: PathBuf,

        /// Check for a service with this setting. Without metrics, metric rules are rejected.
        #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "true")]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        metrics: bool,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// Fails if the service would reject the file, with all problems.
pub fn run(command: &ConfigCommand) -> anyhow::Result<()> {
    let ConfigCommand::Check { file, alerts_file, metrics } = command;
    let list = projects_file::read(file);
    let alerts = match alerts_file::read(alerts_file, (*metrics).into()) {
        Err(AlertsFileError::Missing(_)) => None,
        other => Some(other),
    };
    let (list, alerts) = match (list, alerts.transpose()) {
        (Ok(list), Ok(alerts)) => (list, alerts),
        (Err(error), Ok(_)) => return Err(error.into()),
        (Ok(_), Err(error)) => return Err(error.into()),
        (Err(first), Err(second)) => bail!("{first}\n{second}"),
    };
    let mut line = format!("ok: {}", counted(list.projects.len(), "project"));
    if !list.edges.is_empty() {
        line.push_str(", ");
        line.push_str(&counted(list.edges.len(), "edge"));
    }
    if let Some(alerts) = alerts {
        line.push_str(", ");
        line.push_str(&counted(alerts.channels.len(), "channel"));
        if alerts.own_rules() > 0 {
            line.push_str(", ");
            line.push_str(&counted(alerts.own_rules(), "rule"));
        }
    }
    Ok(output::print(&line)?)
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
