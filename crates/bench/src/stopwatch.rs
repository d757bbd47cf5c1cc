//! The monotonic clock of measurements.

use std::time::{Duration, Instant};

/// A point in time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Returns a later point in time, to wait for.
    pub(crate) fn after(self, later: Duration) -> tokio::time::Instant {
        (self.0 + later).into()
    }
}
