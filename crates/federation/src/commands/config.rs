//! `federation config`.

use std::path::PathBuf;

use crate::{output, projects_file};

/// Subcommands of `config`.
#[derive(Debug, clap::Subcommand)]
pub enum ConfigCommand {
    /// Check a list of projects without applying it; exit code 1 when something is wrong in it.
    Check {
        /// The file to check.
        #[arg(env = "PROJECTS_FILE", default_value = "config/projects.yaml")]
        file: PathBuf,
    },
}

/// Does what the subcommand says.
///
/// # Errors
/// With everything that is wrong in the file.
pub fn run(command: &ConfigCommand) -> anyhow::Result<()> {
    let ConfigCommand::Check { file } = command;
    let count = projects_file::read(file)?.len();
    let noun = if count == 1 { "project" } else { "projects" };
    Ok(output::print(&format!("ok: {count} {noun}"))?)
}
