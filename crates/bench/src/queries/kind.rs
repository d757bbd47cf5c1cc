//! The kinds of requests.

use clap::ValueEnum;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueryKind {
    /// The list of all projects.
    List,
    /// Single simulated projects, one after the other.
    One,
    /// Heartbeats over HTTP for the simulated projects, one after the other.
    Heartbeat,
    /// Registrations of new projects, which are removed afterwards.
    Register,
}

impl QueryKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::One => "one",
            Self::Heartbeat => "heartbeat",
            Self::Register => "register",
        }
    }
}
