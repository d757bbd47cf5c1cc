//! Port of the metrics that projects report.

use async_trait::async_trait;
use time::{Date, OffsetDateTime};

use crate::error::StoreError;
use crate::metric::{MetricType, SeriesRun, Tier};
use crate::project::ProjectId;

/// Runs of a project that have a sample from `from` up to `to`, exclusively.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunQuery {
    /// Tier to read.
    pub tier: Tier,
    /// Project of the series.
    pub project: ProjectId,
    /// Types of the series. `None` selects all.
    pub metrics: Option<Vec<MetricType>>,
    /// Start of the time.
    pub from: OffsetDateTime,
    /// End of the time.
    pub to: OffsetDateTime,
}

/// Keeps runs of metrics. Separate from the other ports: it MUST NOT share connections with them,
/// so that metrics never delay the catalog.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait MetricStore: Send + Sync {
    /// Stores runs in a tier, all or none. If the tier has a run of the same series and window, the one
    /// with more samples stays, so a repeated call changes nothing and equal replicas store once.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn store_runs(&self, tier: Tier, runs: &[SeriesRun]) -> Result<(), StoreError>;

    /// Reads the newest run of each series of these projects, in whichever tier it is.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn newest_runs(&self, projects: &[ProjectId]) -> Result<Vec<SeriesRun>, StoreError>;

    /// Reads runs in order of type and window.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn runs(&self, query: &RunQuery) -> Result<Vec<SeriesRun>, StoreError>;

    /// Returns the last UTC day that is rolled up to the coarser tiers, and all days before it.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn rolled_up_until(&self) -> Result<Option<Date>, StoreError>;

    /// Marks a UTC day as rolled up, and all days before it. Never goes back.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn mark_rolled_up(&self, day: Date) -> Result<(), StoreError>;

    /// Deletes the runs of a tier in UTC days, or months of the coarsest tier, that end before a time,
    /// without blocking
    /// [`store_runs`](Self::store_runs) for more than a second.
    ///
    /// # Errors
    /// Returns [`StoreError`]; a part may have been deleted.
    async fn delete_runs(&self, tier: Tier, before: OffsetDateTime) -> Result<(), StoreError>;
}
