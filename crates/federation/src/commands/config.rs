//! `federation config`.

use std::path::PathBuf;

use crate::{output, projects_file};

/// Subcommands of `config`.
#[derive(Debug, clap::Subcommand)]
pub enum ConfigCommand {
    /// Check a projects file without applying it. Exits with 1 if it is invalid or has no list.
    Check {
        /// File to check.
        #[arg(env = "PROJECTS_FILE", default_value = "config/projects.yaml")]
        file: PathBuf,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// Fails if the service would reject the file, with all problems.
pub fn run(command: &ConfigCommand) -> anyhow::Result<()> {
    let ConfigCommand::Check { file } = command;
    let count = projects_file::read(file)?.len();
    let noun = if count == 1 { "project" } else { "projects" };
    Ok(output::print(&format!("ok: {count} {noun}"))?)
}
