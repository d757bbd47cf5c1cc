//! Level and format of the log.

/// Settings of the log.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Log messages of this severity and above: error, warning, info, debug or trace.
    #[arg(long, env, value_name = "LEVEL", value_parser = LogLevel::parse, default_value = "info")]
    pub log_level: LogLevel,

    /// Format the log on standard error as text, logfmt or json; auto is text on a terminal and
    /// logfmt otherwise.
    #[arg(long, env, value_name = "FORMAT", value_parser = LogFormat::parse)]
    #[arg(default_value = "auto")]
    pub log_format: LogFormat,
}

/// Severity of log messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// A person must act.
    Error,
    /// Something is wrong, and the service copes with it.
    Warning,
    /// Status changes, start and stop.
    Info,
    /// Details for debugging.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "error" => Ok(Self::Error),
            "warning" | "warn" => Ok(Self::Warning),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err("expected error, warning, info, debug or trace".to_owned()),
        }
    }

    /// Returns the name in a filter directive.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, logfmt otherwise.
    Auto,
    /// Lines for people.
    Text,
    /// One line of `key=value` pairs per event.
    Logfmt,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "logfmt" => Ok(Self::Logfmt),
            "json" => Ok(Self::Json),
            _ => Err("expected auto, text, logfmt or json".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_accepted_in_any_case_and_in_both_spellings() {
        for text in ["warning", "WARN", "Warning"] {
            assert_eq!(LogLevel::parse(text), Ok(LogLevel::Warning), "{text}");
        }
        assert!(LogLevel::parse("loud").unwrap_err().contains("debug"));
    }

    #[test]
    fn a_format_is_accepted_in_any_case() {
        assert_eq!(LogFormat::parse("JSON"), Ok(LogFormat::Json));
        assert_eq!(LogFormat::parse(" logfmt "), Ok(LogFormat::Logfmt));
        assert!(LogFormat::parse("xml").unwrap_err().contains("logfmt"));
    }
}
