//! Settings of the catalog.

use std::path::PathBuf;
use std::time::Duration;

use federation_application::MAX_PROJECTS;

use super::value::{boolean, retention};

/// Settings of the catalog.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Catalog")]
pub struct CatalogArgs {
    /// Register the projects in this file at start, and its changes while the service runs. It is
    /// checked every second and on SIGHUP. A missing file is only a warning.
    #[arg(long, env, value_name = "FILE", default_value = "config/projects.yaml")]
    pub projects_file: PathBuf,

    /// Delete projects that are removed from the file while the service runs, instead of only
    /// logging them.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub projects_file_prune: bool,

    /// Register unknown projects from their heartbeats, instead of counting and dropping them.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub auto_register: bool,

    /// Remove a project that registered itself after this many seconds without a heartbeat, unless
    /// the projects file or the API registered or changed it since. Only time in which the service
    /// listens counts. At most 30 days; 0 keeps such projects.
    #[arg(long, env, value_name = "SECONDS", value_parser = expiry, default_value = "2592000")]
    pub auto_register_expire: Duration,

    /// Accept at most this many projects. At the limit new ones are rejected; existing ones can still be
    /// changed.
    #[arg(long, env, value_name = "NUMBER", default_value_t = MAX_PROJECTS)]
    pub max_projects: usize,
    /// Keep entries of the change log for this long: a number of seconds, or of days, hours or minutes
    /// with `d`, `h` or `m`. The newest entry of each project is kept longer. Uptime is kept for two
    /// years.
    #[arg(long, env, value_name = "DURATION", value_parser = retention, default_value = "90d")]
    pub change_retention: Duration,

    /// Check every five minutes whether each project is reachable at its hub URL, and show the result
    /// with the project. Each replica checks on its own. Results never change a status.
    /// OUTBOUND_PRIVATE applies.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub verify_endpoints: bool,

    /// Answer queries on the NATS subjects `hub.federation.projects.list` and `.get`. If API keys are
    /// configured, each query needs one with the scope `read` in the header `Federation-Key`.
    /// Otherwise every client that may publish on the subjects can read the catalog.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "true")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub catalog_on_nats: bool,

    /// Answer with at most this many projects in one graph. A larger graph needs a filter.
    #[arg(long, env, value_name = "NUMBER", default_value = "5000")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub graph_max_nodes: u32,
}

/// Longest time until a project expires, for which listening periods are kept.
const MAX_EXPIRY: f64 = 30.0 * 86_400.0;

fn expiry(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse().ok().filter(|seconds| (0.0..=MAX_EXPIRY).contains(seconds));
    let expiry = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    expiry.ok_or_else(|| "expected a number of seconds from 0 to 2592000 (30 days)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_until_expiry_is_at_most_thirty_days() {
        assert_eq!(expiry("0"), Ok(Duration::ZERO));
        assert_eq!(expiry(" 2592000 "), Ok(Duration::from_secs(2_592_000)));
        for bad in ["", "-1", "2592001", "30d", "NaN", "inf"] {
            assert!(expiry(bad).unwrap_err().contains("2592000"), "{bad}");
        }
    }
}
