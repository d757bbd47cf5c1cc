//! When something happened, by the clock of the runner.

use std::fmt;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// A moment, as the time since the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Moment(pub(crate) Duration);

impl Moment {
    /// The time from `earlier` to here; zero when `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// So much later.
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// So much earlier, but not before the run.
    pub(crate) fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.0.as_secs_f64())
    }
}

/// The monotonic clock, and the time of day at which it began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    begun: Instant,
    begun_at: OffsetDateTime,
}

impl Clock {
    /// Begins now.
    #[expect(clippy::disallowed_methods, reason = "the run is real, and so is its time")]
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), begun_at: OffsetDateTime::now_utc() }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment(self.begun.elapsed())
    }

    /// The moment of a time of day, such as one in the change log; the start, if it was before. It
    /// is right while nobody sets the machine's clock.
    pub(crate) fn moment_of(&self, at: OffsetDateTime) -> Moment {
        Moment(Duration::try_from(at - self.begun_at).unwrap_or_default())
    }
}
