//! Port of the checkpoints.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::ListeningPeriod;
use crate::error::StoreError;
use crate::heartbeat::Source;
use crate::project::ProjectId;

/// Newest heartbeat of one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatMark {
    /// Project that sent it.
    pub project: ProjectId,
    /// Time of arrival.
    pub at: OffsetDateTime,
    /// Source over which it arrived.
    pub source: Source,
    /// Age up to which a stored heartbeat counts as the same one, timed by another replica.
    pub tolerance: Duration,
}

impl HeartbeatMark {
    /// Returns the time such that the store lacks this heartbeat if its own is earlier.
    #[must_use]
    pub fn lacking_before(&self) -> OffsetDateTime {
        self.at - self.tolerance
    }
}

/// Heartbeats and listening periods since the previous checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// Newest heartbeat of each project that sent one.
    pub heartbeats: Vec<HeartbeatMark>,
    /// Current listening period of each source.
    pub listening_periods: Vec<ListeningPeriod>,
}

/// Stores checkpoints.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait CheckpointStore: Send + Sync {
    /// Stores the heartbeats and listening periods, without logging anything and without changing
    /// `updated_at`.
    ///
    /// Returns the projects whose heartbeats were skipped because another transaction holds their
    /// rows. The next checkpoint stores them.
    ///
    /// An implementation MUST only move heartbeats forward, and only if the stored one is earlier
    /// than [`HeartbeatMark::lacking_before`]. It MUST NOT wait for a row, MUST lock no other rows
    /// than those that it changes, and MUST NOT hold these locks while it waits for the caller. It
    /// MUST ignore projects that were removed,
    /// and MUST join a listening period with those of its source that it overlaps or touches, even
    /// if several replicas do so at once. It MAY delete periods that ended more than
    /// [`LISTENING_RETENTION`](crate::LISTENING_RETENTION) earlier.
    ///
    /// # Errors
    /// Returns [`StoreError::Rejected`] if the database never accepts a part of the checkpoint but
    /// does accept others, or another [`StoreError`]. Nothing was applied.
    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<Vec<ProjectId>, StoreError>;
}
