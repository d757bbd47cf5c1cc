//! `federation completions`.

use clap_complete::{Shell, generate};

use crate::output;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// Shell to generate the script for.
    pub shell: Shell,
}

/// Prints the completion script of `command`.
///
/// # Errors
/// Fails if standard output cannot be written.
pub fn run(args: &CompletionsArgs, mut command: clap::Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut command, "federation", &mut script);
    Ok(output::print(&String::from_utf8_lossy(&script))?)
}
