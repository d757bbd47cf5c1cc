//! `federation man`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap_mangen::Man;

use crate::{cli, output};

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write a page for each subcommand into this directory, instead of printing federation(1).
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

/// Prints or writes the manual pages.
///
/// # Errors
/// Fails if standard output or the directory cannot be written.
pub fn run(args: &ManArgs) -> anyhow::Result<()> {
    if let Some(directory) = &args.directory {
        let failed = || format!("cannot write manual pages to {}", directory.display());
        fs::create_dir_all(directory).with_context(failed)?;
        return clap_mangen::generate_to(cli::documented(), directory).with_context(failed);
    }
    let mut page = Vec::new();
    Man::new(cli::documented()).render(&mut page)?;
    Ok(output::print(&String::from_utf8_lossy(&page))?)
}
