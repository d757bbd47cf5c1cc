//! The rows of the table.

mod flood;
mod million;
mod queries;
mod registrations;
mod samples;
mod small;

use std::fmt;

use clap::ValueEnum;

use super::environment::Environment;
use super::line::Line;

/// A measurement. One row may have several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Row {
    /// Heartbeats over NATS as fast as possible, compared with a subscriber that counts messages.
    Flood,
    /// The list of all projects while heartbeats arrive, compared with a fixed body of its size.
    List,
    /// One project by its slug, compared with a fixed body.
    One,
    /// Heartbeats over HTTP, compared with a fixed response.
    HttpHeartbeats,
    /// Registrations, compared with similar transactions of pgbench.
    Registrations,
    /// Samples of metrics over NATS, compared with a subscriber that parses them, and heartbeats beside
    /// them.
    Samples,
    /// Delays of status changes.
    Lateness,
    /// Start time and memory of a small service.
    Start,
    /// A million projects on Postgres: start, heartbeats, memory, ticks and delays.
    Million,
}

impl Row {
    pub(super) fn measure(self, environment: &Environment) -> anyhow::Result<Vec<Line>> {
        match self {
            Self::Flood => flood::measure(environment),
            Self::List => queries::list(environment),
            Self::One => queries::one(environment),
            Self::HttpHeartbeats => queries::heartbeats(environment),
            Self::Registrations => registrations::measure(environment),
            Self::Samples => samples::measure(environment),
            Self::Lateness => small::lateness(environment),
            Self::Start => small::start(environment),
            Self::Million => million::measure(environment),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned());
        f.write_str(&name.unwrap_or_default())
    }
}
