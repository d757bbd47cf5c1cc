//! The invariants, as pure functions of the model and of observations.
//!
//! Each has a test in which it fails, because a check that cannot fail proves nothing.

pub(crate) mod actions;
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

/// Silence after which a project is offline: three intervals of 1 s.
pub(crate) const OFFLINE_AFTER: Duration = Duration::from_secs(3);
/// Time for which the service listens after deafness before a status gets worse: one and a half
/// intervals.
pub(crate) const CHANCE: Duration = Duration::from_millis(1_500);
/// Longest time between two heartbeats of a project that is on time. It is shorter than [`CHANCE`],
/// to leave room for the time that it takes to accept a heartbeat.
pub(crate) const ON_TIME: Duration = Duration::from_millis(1_400);

/// A violated invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Name of the invariant.
    pub(crate) invariant: &'static str,
    /// The project, replica or file concerned.
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
