//! Port of time.

use time::OffsetDateTime;

use crate::listening::Monotonic;

/// Source of time. Nothing else reads a clock.
pub trait Clock: Send + Sync {
    /// Returns the monotonic time.
    fn monotonic(&self) -> Monotonic;
    /// Returns the time of day in UTC, in whole microseconds, which is the precision of a database.
    fn utc(&self) -> OffsetDateTime;
}
