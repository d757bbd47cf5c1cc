//! `federation man`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap_mangen::Man;

use crate::output;

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write a page for each subcommand into this directory, instead of printing federation(1).
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

/// Prints or writes the manual pages of `command`.
///
/// # Errors
/// Fails if standard output or the directory cannot be written.
pub fn run(args: &ManArgs, command: clap::Command) -> anyhow::Result<()> {
    if let Some(directory) = &args.directory {
        let failed = || format!("cannot write manual pages to {}", directory.display());
        fs::create_dir_all(directory).with_context(failed)?;
        return clap_mangen::generate_to(command, directory).with_context(failed);
    }
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(output::print(&String::from_utf8_lossy(&page))?)
}
