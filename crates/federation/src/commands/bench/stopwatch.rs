//! The clock of a measurement.

use std::time::{Duration, Instant};

/// A monotonic moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a measurement is of real time")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// The moment so much later, to wait for.
    pub(super) fn after(self, later: Duration) -> tokio::time::Instant {
        (self.0 + later).into()
    }
}
