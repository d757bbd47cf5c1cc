//! Changes of maintenance windows.

use time::OffsetDateTime;

use super::{MaintenanceId, MaintenancePlan};
use crate::log::{Actor, NewEntry};

/// Entity of the entries of maintenance windows. Their key is the id.
pub const MAINTENANCE: &str = "maintenance";

/// A write to the windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaintenanceChange {
    /// Creates a window.
    Create(MaintenancePlan),
    /// Replaces a window.
    Replace(MaintenanceId, MaintenancePlan),
    /// Removes a window.
    Remove(MaintenanceId),
}

impl MaintenanceChange {
    /// Returns the entry of the log about a window that was written or removed.
    #[must_use]
    pub fn entry(&self, id: MaintenanceId, actor: Actor, at: OffsetDateTime) -> NewEntry {
        let kind = match self {
            Self::Create(_) => "created",
            Self::Replace(..) => "updated",
            Self::Remove(_) => "removed",
        };
        NewEntry {
            entity: MAINTENANCE,
            key: id.to_string(),
            kind,
            at,
            payload: "{}".to_owned(),
            actor,
        }
    }
}
