//! A clock that moves only when told to.

use std::time::Duration;

use federation_domain::{Clock, Monotonic};
use parking_lot::Mutex;
use time::OffsetDateTime;
use time::macros::datetime;

/// A clock for tests; it begins at a fixed moment and stands still between calls of
/// [`advance`](Self::advance).
#[derive(Debug)]
pub struct ManualClock(Mutex<(Duration, OffsetDateTime)>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Mutex::new((Duration::ZERO, datetime!(2026-11-24 12:00:00.123456 UTC))))
    }
}

impl ManualClock {
    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock();
        now.0 += by;
        now.1 += by;
    }

    /// Sets the time of day off, as an operator or NTP may; the monotonic time stays.
    pub fn shift_utc(&self, by: time::Duration) {
        self.0.lock().1 += by;
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Monotonic {
        Monotonic(self.0.lock().0)
    }

    fn utc(&self) -> OffsetDateTime {
        self.0.lock().1
    }
}
