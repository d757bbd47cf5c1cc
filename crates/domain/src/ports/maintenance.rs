//! Port of the maintenance windows.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::log::{Actor, LogEntry};
use crate::maintenance::{MaintenanceChange, MaintenanceSource, MaintenanceWindow};

/// Outcome of one write to the windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaintenanceResult {
    /// The window is stored.
    Stored(MaintenanceWindow),
    /// The window was removed.
    Removed(MaintenanceWindow),
    /// The projects file has an equal window already. Nothing was written.
    Unchanged(MaintenanceWindow),
    /// There is no such window.
    NotFound,
    /// The window has another source. Nothing was written.
    OtherSource,
    /// There are already [`MAX_WINDOWS`](crate::MAX_WINDOWS) windows.
    TooMany,
}

/// Outcome of writes to the windows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenMaintenance {
    /// Outcome of each write, in order.
    pub results: Vec<MaintenanceResult>,
    /// Entries of the log, in order.
    pub entries: Vec<LogEntry>,
}

/// The durable maintenance windows.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait MaintenanceStore: Send + Sync {
    /// Reads all windows in the order of their ids.
    ///
    /// An implementation MUST leave out and log each row that does not parse.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn load_maintenance(&self) -> Result<Vec<MaintenanceWindow>, StoreError>;

    /// Writes windows of one source in the order given, and logs each change. A window of another source
    /// is not found.
    ///
    /// An implementation MUST NOT reuse the id of a removed window.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn write_maintenance(
        &self,
        source: MaintenanceSource,
        changes: &[MaintenanceChange],
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<WrittenMaintenance, StoreError>;
}
