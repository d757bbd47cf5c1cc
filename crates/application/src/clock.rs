//! The clocks of the machine.

use std::time::Duration;

use federation_domain::{Clock, Monotonic};
use rustix::time::{ClockId, clock_gettime};
use time::OffsetDateTime;

/// Monotonic clock that advances while the machine is suspended. The suspension is then a gap
/// between two proofs of hearing and counts as deaf time. `std::time::Instant` would not advance.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MONOTONIC: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MONOTONIC: ClockId = ClockId::Monotonic;

/// The clocks of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Duration,
}

impl SystemClock {
    /// Creates a clock whose monotonic time starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: since_boot() }
    }
}

fn since_boot() -> Duration {
    Duration::try_from(clock_gettime(MONOTONIC)).unwrap_or_default()
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Monotonic {
        Monotonic(since_boot().saturating_sub(self.start))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn utc(&self) -> OffsetDateTime {
        let now = OffsetDateTime::now_utc();
        now.replace_nanosecond(now.nanosecond() / 1_000 * 1_000).unwrap_or(now)
    }
}
