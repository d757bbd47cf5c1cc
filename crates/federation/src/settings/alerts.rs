//! Settings of notifications.

use std::path::PathBuf;
use std::time::Duration;

use federation_notify::OutboundPolicy;

use super::value::{boolean, delay};

/// Settings of notifications.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Notifications")]
pub struct AlertsArgs {
    /// Read channels and routes of notifications, and metric rules, from this file, and its changes
    /// while the service runs. It is checked every second and on SIGHUP. Without the file there are no
    /// channels, and only the built-in metric rules.
    #[arg(long, env, value_name = "FILE", default_value = "config/alerts.yaml")]
    pub alerts_file: PathBuf,

    /// Wait this many seconds before a notification is sent, and send it together with those that
    /// arrive meanwhile. Routes may set another time.
    #[arg(long, env, value_name = "SECONDS", value_parser = delay, default_value = "30")]
    pub group_wait: Duration,

    /// Permit connections to loopback and private addresses. Link-local addresses and the metadata
    /// services of clouds are never permitted.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "true")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub outbound_private: bool,
}

/// Checked settings of notifications.
#[derive(Debug, Clone)]
pub struct AlertsSettings {
    /// The alerts file.
    pub file: PathBuf,
    /// Time for which notifications are grouped by default.
    pub group_wait: Duration,
    /// Rules for connections to receivers.
    pub policy: OutboundPolicy,
}

impl AlertsArgs {
    /// Checks the settings.
    #[must_use]
    pub fn resolve(self) -> AlertsSettings {
        AlertsSettings {
            file: self.alerts_file,
            group_wait: self.group_wait,
            policy: OutboundPolicy { allow_private: self.outbound_private },
        }
    }
}
