//! A clock that tests control.

use std::time::Duration;

use federation_domain::{Clock, Monotonic};
use parking_lot::Mutex;
use time::OffsetDateTime;
use time::macros::datetime;

/// A clock for tests that starts at a fixed time and only moves by [`advance`](Self::advance).
#[derive(Debug)]
pub struct ManualClock(Mutex<(Duration, OffsetDateTime)>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Mutex::new((Duration::ZERO, datetime!(2026-11-24 12:00:00.123456 UTC))))
    }
}

impl ManualClock {
    /// Advances both clocks.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock();
        now.0 += by;
        now.1 += by;
    }

    /// Shifts the wall clock, as an operator or NTP may. The monotonic clock stays.
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
