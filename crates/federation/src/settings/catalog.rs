//! How projects get into the catalog without a call of the API.

use std::path::PathBuf;

use super::value::boolean;

/// Settings of the catalog.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Catalog")]
pub struct CatalogArgs {
    /// The list of projects that is registered at start, and what changed in it while the service
    /// runs; when there is no such file, a warning.
    #[arg(long, env, value_name = "FILE", default_value = "config/projects.yaml")]
    pub projects_file: PathBuf,

    /// Whether projects that leave the list while the service runs are removed, instead of being
    /// reported.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub projects_file_prune: bool,

    /// Whether a heartbeat of an unknown slug registers the project from its payload, instead of
    /// being counted and dropped.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub auto_register: bool,

    /// Whether the catalog can be asked over NATS, on `hub.federation.projects.list` and `.get`, by
    /// whoever may publish there.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "true")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub catalog_on_nats: bool,
}
