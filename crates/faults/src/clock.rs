//! The clock of the runner.

use std::fmt;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// A point in time, as the time since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Moment(pub(crate) Duration);

impl Moment {
    /// Returns the time since `earlier`, or zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Adds a duration.
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Subtracts a duration, but does not go back beyond the start of the run.
    pub(crate) fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.0.as_secs_f64())
    }
}

/// A monotonic clock with the time of day of its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    begun: Instant,
    begun_at: OffsetDateTime,
}

impl Clock {
    /// Starts the clock.
    #[expect(clippy::disallowed_methods, reason = "the run takes real time")]
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), begun_at: OffsetDateTime::now_utc() }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment(self.begun.elapsed())
    }

    /// Converts a time of day, such as one in the change log. A time before the run becomes its
    /// start. The result is correct as long as the system clock is not adjusted.
    pub(crate) fn moment_of(&self, at: OffsetDateTime) -> Moment {
        Moment(Duration::try_from(at - self.begun_at).unwrap_or_default())
    }
}
