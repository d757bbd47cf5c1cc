//! Port of the listening periods.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::heartbeat::Source;

/// Period in which a source listened without interruption, by the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListeningPeriod {
    /// The source.
    pub source: Source,
    /// End of the previous interruption.
    pub from: OffsetDateTime,
    /// Latest time up to which hearing is proven.
    pub until: OffsetDateTime,
}

/// Minimum retention of listening periods: the longest window of a history, 30 days, and one more
/// day.
pub const LISTENING_RETENTION: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Reads listening periods. [`CheckpointStore`](crate::CheckpointStore) writes them.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ListeningStore: Send + Sync {
    /// Reads the periods of a source that end after `since`, in order.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn listening_periods(
        &self,
        source: Source,
        since: OffsetDateTime,
    ) -> Result<Vec<ListeningPeriod>, StoreError>;
}
