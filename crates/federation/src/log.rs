//! The log on standard error.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::settings::{LogArgs, LogFormat, LogLevel};

/// Sets the log up for the whole process.
///
/// The level applies to our own crates, whose names all begin with `federation`; of others,
/// warnings are logged. `RUST_LOG` goes before the level.
///
/// # Errors
/// When `RUST_LOG` is no filter, or a log is set up already.
pub fn init(settings: &LogArgs) -> anyhow::Result<()> {
    let wanted = std::env::var("RUST_LOG").ok().filter(|filter| !filter.trim().is_empty());
    let filter = match wanted {
        Some(filter) => EnvFilter::try_new(filter).context("RUST_LOG is no filter")?,
        None => EnvFilter::try_new(directives(settings.log_level)).context("log filter")?,
    };
    let colours = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    match settings.log_format {
        LogFormat::Text => builder.compact().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow::anyhow!(error).context("the log cannot be set up"))
}

fn directives(level: LogLevel) -> String {
    let others = level.min(LogLevel::Warning);
    format!("{},federation={}", others.as_str(), level.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_never_log_more_than_warnings() {
        assert_eq!(directives(LogLevel::Debug), "warn,federation=debug");
        assert_eq!(directives(LogLevel::Warning), "warn,federation=warn");
        assert_eq!(directives(LogLevel::Error), "error,federation=error");
    }
}
