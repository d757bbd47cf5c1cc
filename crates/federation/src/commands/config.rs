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
    let list = projects_file::read(file)?;
    let mut line = format!("ok: {}", counted(list.projects.len(), "project"));
    if !list.edges.is_empty() {
        line.push_str(", ");
        line.push_str(&counted(list.edges.len(), "edge"));
    }
    Ok(output::print(&line)?)
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
