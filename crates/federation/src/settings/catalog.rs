//! Settings of the catalog.

use std::path::PathBuf;

use federation_application::MAX_PROJECTS;

use super::value::boolean;

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

    /// Limit the number of projects. Beyond it no project can be created; others still change.
    #[arg(long, env, value_name = "NUMBER", default_value_t = MAX_PROJECTS)]
    pub max_projects: usize,

    /// Answer queries on the NATS subjects `hub.federation.projects.list` and `.get`. If API keys are
    /// configured, each query needs one with the scope `read` in the header `Federation-Key`.
    /// Otherwise every client that may publish on the subjects can read the catalog.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "true")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub catalog_on_nats: bool,
}
