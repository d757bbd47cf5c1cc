//! Logging to standard error.
//!
//! Events are formatted by the thread that logs them and written by a dedicated thread
//! (`log/queue.rs`), so a reader that stops reading standard error never blocks the program.

mod fields;
mod format;
mod queue;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use self::fields::PairFormat;
use self::format::{LogfmtFormat, TextFormat};
use self::queue::Queue;
use crate::settings::{LogArgs, LogFormat, LogLevel};

/// Target of events that the text format lays out as a block with one field per line.
pub const BLOCK: &str = "federation::block";

/// Deadline for writing the rest of the log at exit.
const FLUSH_WITHIN: Duration = Duration::from_millis(400);

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Sets up logging for the whole process.
///
/// The level applies to our own crates, whose names all begin with `federation`. Other crates log
/// warnings and errors, except the NATS client: it logs an error at each attempt to connect, and
/// `federation_nats` logs the same error at a limited rate. `RUST_LOG` overrides the level.
///
/// # Errors
/// Fails if `RUST_LOG` is not a valid filter, or if logging is already set up.
pub fn init(settings: &LogArgs) -> anyhow::Result<()> {
    let filter = filter(settings.log_level)?;
    let queue = Queue::start(io::stderr()).context("cannot start the log writer")?;
    let is_terminal = io::stderr().is_terminal();
    let colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Arc::clone(&queue))
        .with_ansi(colours);
    let format = match settings.log_format {
        LogFormat::Auto if is_terminal => LogFormat::Text,
        LogFormat::Auto => LogFormat::Logfmt,
        given => given,
    };
    match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Logfmt => builder.fmt_fields(PairFormat).event_format(LogfmtFormat).try_init(),
        LogFormat::Auto | LogFormat::Text => {
            builder.fmt_fields(PairFormat).event_format(TextFormat { is_terminal }).try_init()
        }
    }
    .map_err(|error| anyhow::anyhow!(error).context("cannot set up logging"))?;
    let _ = QUEUE.set(queue);
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Prints a line to standard error, after the log lines before it.
pub fn print_error(line: &str) {
    match QUEUE.get() {
        Some(queue) => queue.push_final(&format!("{line}\n")),
        None => eprintln!("{line}"),
    }
}

/// Waits until the log is written, for at most 400 ms.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(FLUSH_WITHIN);
    }
}

/// Returns the counter of dropped log lines.
#[must_use]
pub fn dropped_lines() -> Arc<AtomicU64> {
    QUEUE.get().map(|queue| queue.dropped_lines()).unwrap_or_default()
}

/// Logs a panic, with a backtrace if `RUST_BACKTRACE` asks for one.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_captured.then(|| tracing::field::display(backtrace));
    tracing::error!(%panic, backtrace, "thread panicked");
}

fn filter(level: LogLevel) -> anyhow::Result<EnvFilter> {
    let wanted = std::env::var("RUST_LOG").ok().filter(|filter| !filter.trim().is_empty());
    let filter = wanted.unwrap_or_else(|| directives(level));
    EnvFilter::try_new(filter)
        .context("RUST_LOG: expected a filter such as info or federation=debug")
}

fn directives(level: LogLevel) -> String {
    let others = level.min(LogLevel::Warning);
    format!("{},async_nats=off,federation={}", others.as_str(), level.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_crates_log_at_most_warnings() {
        assert_eq!(directives(LogLevel::Debug), "warn,async_nats=off,federation=debug");
        assert_eq!(directives(LogLevel::Warning), "warn,async_nats=off,federation=warn");
        assert_eq!(directives(LogLevel::Error), "error,async_nats=off,federation=error");
    }
}
