//! What must hold, as pure functions of the truth and of what was seen.
//!
//! Each has a test in which it fails: a check that cannot fail proves nothing.

pub(crate) mod agreement;
pub(crate) mod alive;
pub(crate) mod catalog;
pub(crate) mod dead;
pub(crate) mod log;
pub(crate) mod process;
#[cfg(test)]
mod scene;

use std::fmt;
use std::time::Duration;

use crate::clock::Moment;

/// Silence from which on a project is offline: three intervals, which are of 1 s in a run.
pub(crate) const OFFLINE_AFTER: Duration = Duration::from_secs(3);
/// How long the service listens after deafness before anybody falls: one and a half intervals.
pub(crate) const CHANCE: Duration = Duration::from_millis(1_500);
/// Whoever lets no more time pass between two heartbeats speaks within each chance, with room for
/// the time in which a heartbeat is taken.
pub(crate) const ON_TIME: Duration = Duration::from_millis(1_400);

/// Something that must not be was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The name of what does not hold.
    pub(crate) invariant: &'static str,
    /// The project, replica or file that it is about.
    pub(crate) subject: String,
    pub(crate) at: Moment,
    pub(crate) seen: String,
    pub(crate) truth: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, subject, at, seen, truth } = self;
        write!(f, "{invariant}: {subject} at {at}\n    seen:  {seen}\n    truth: {truth}")
    }
}
