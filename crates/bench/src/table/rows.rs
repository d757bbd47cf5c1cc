//! The rows of the table.

mod flood;
mod million;
mod queries;
mod registrations;
mod small;

use std::fmt;

use clap::ValueEnum;

use super::line::Line;
use super::world::World;

/// How many projects there are where it is not a million.
pub(super) const PROJECTS: &str = "1000";

/// What can be measured; one row may give several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Row {
    /// Heartbeats over NATS as fast as they come, beside a subscriber that only counts.
    Flood,
    /// The list of all projects while heartbeats arrive, beside a fixed body of its size.
    List,
    /// One project by its slug, beside a fixed body.
    One,
    /// Heartbeats over HTTP, beside a fixed answer.
    HttpHeartbeats,
    /// Registrations, beside like transactions of pgbench.
    Registrations,
    /// How late statuses turn.
    Lateness,
    /// How fast a small service starts, and what it holds.
    Start,
    /// A million projects on Postgres: start, heartbeats, memory, ticks, lateness.
    Million,
}

impl Row {
    /// Measures it.
    pub(super) fn measure(self, world: &World) -> anyhow::Result<Vec<Line>> {
        match self {
            Self::Flood => flood::measure(world),
            Self::List => queries::list(world),
            Self::One => queries::one(world),
            Self::HttpHeartbeats => queries::heartbeats(world),
            Self::Registrations => registrations::measure(world),
            Self::Lateness => small::lateness(world),
            Self::Start => small::start(world),
            Self::Million => million::measure(world),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned());
        f.write_str(&name.unwrap_or_default())
    }
}
