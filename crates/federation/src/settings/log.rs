//! What is logged, and how.

/// Settings of the log.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// The least severe messages to log: error, warning, info, debug or trace.
    #[arg(long, env, value_name = "LEVEL", value_parser = LogLevel::parse, default_value = "info")]
    pub log_level: LogLevel,

    /// The form of the log on standard error: text, for people, or json, one object a line.
    #[arg(long, env, value_name = "FORMAT", value_parser = LogFormat::parse)]
    #[arg(default_value = "text")]
    pub log_format: LogFormat,
}

/// How severe a message must be to be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// A person must act.
    Error,
    /// Something is wrong, the service copes.
    Warning,
    /// What happens.
    Info,
    /// Why it happens.
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
            _ => Err("error, warning, info, debug and trace are allowed".to_owned()),
        }
    }

    /// The name in a filter directive.
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

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("text and json are allowed".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_any_case_and_in_both_spellings() {
        for text in ["warning", "WARN", "Warning"] {
            assert_eq!(LogLevel::parse(text), Ok(LogLevel::Warning), "{text}");
        }
        assert!(LogLevel::parse("loud").unwrap_err().contains("debug"));
    }
}
