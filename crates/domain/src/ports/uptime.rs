//! Port of the uptime and of the retention of the log.

use async_trait::async_trait;
use time::{Date, OffsetDateTime};

use crate::change::Revision;
use crate::error::StoreError;
use crate::heartbeat::Source;
use crate::uptime::{DayStep, HeardDay, UptimeDay};
use crate::values::Slug;

/// Retention of rolled-up days: two years.
pub const UPTIME_RETENTION_DAYS: i64 = 731;

/// Progress of the roll-up of uptime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RollUpProgress {
    /// Newest entry that the days reflect.
    pub revision: Revision,
    /// First day that is not rolled up; `None` before the first roll-up.
    pub until: Option<Date>,
    /// Newest entry before that day.
    pub until_revision: Revision,
}

/// Result of one step of a roll-up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RollUpStep {
    /// Progress after the step.
    pub progress: RollUpProgress,
    /// Days to add or to replace.
    pub days: Vec<(Slug, UptimeDay)>,
    /// Listening times to add or to replace.
    pub heard: Vec<HeardDay>,
}

/// Rolled-up uptime of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UptimeDays {
    /// Progress of the roll-up.
    pub progress: RollUpProgress,
    /// Days in which the status changed, newest first.
    pub days: Vec<UptimeDay>,
    /// Listening times of the source, newest first.
    pub heard: Vec<HeardDay>,
}

/// Result of dropping entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Number of dropped entries.
    pub entries: usize,
    /// More entries may be dropped at once.
    pub has_more: bool,
    /// Time of the oldest entry from which on the log is complete.
    pub oldest_at: Option<OffsetDateTime>,
}

/// Keeps rolled-up uptime, and drops what is older than the retention.
///
/// Several replicas may call it at once. Each step is atomic and small.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait UptimeStore: Send + Sync {
    /// Returns the progress of the roll-up.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn roll_up_progress(&self) -> Result<RollUpProgress, StoreError>;

    /// Stores a step. Returns `false`, without storing anything, if the progress is no longer `known`,
    /// because another replica made a step.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn store_roll_up(
        &self,
        known: &RollUpProgress,
        step: &RollUpStep,
    ) -> Result<bool, StoreError>;

    /// Finds days of projects, in any order. Missing ones are left out.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn find_days(&self, keys: &[(Slug, Date)]) -> Result<Vec<(Slug, UptimeDay)>, StoreError>;

    /// Reads the days of a project and the listening times of a source since a day.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn uptime_days(
        &self,
        slug: &Slug,
        source: Source,
        since: Date,
    ) -> Result<UptimeDays, StoreError>;

    /// Reads at most `limit` changes of a project after one revision and through another, newest
    /// first. Entries without statuses are left out.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn steps(
        &self,
        slug: &Slug,
        after: Revision,
        through: Revision,
        limit: usize,
    ) -> Result<Vec<DayStep>, StoreError>;

    /// Drops the oldest entries that are older than `before`, looking at no more than `limit`, and
    /// none after `through`.
    ///
    /// An implementation MUST keep the newest entry of each project that exists, and the newest entry
    /// of the log. It MUST move the oldest revision in the same transaction, and MUST drop nothing
    /// while another replica does.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn drop_entries(
        &self,
        before: OffsetDateTime,
        through: Revision,
        limit: usize,
    ) -> Result<Dropped, StoreError>;

    /// Drops rolled-up days before a day, at most `limit`, and returns their number.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn drop_uptime(&self, before: Date, limit: usize) -> Result<usize, StoreError>;
}
