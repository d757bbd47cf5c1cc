//! `federation completions`.

use clap_complete::{Shell, generate};

use crate::{cli, output};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

/// Prints the completions.
///
/// # Errors
/// When standard output cannot take them.
pub fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut cli::documented(), "federation", &mut script);
    Ok(output::print(&String::from_utf8_lossy(&script))?)
}
