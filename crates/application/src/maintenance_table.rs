//! The maintenance windows in memory, as the store holds them.

use std::collections::BTreeMap;

use federation_domain::{
    MaintenanceId, MaintenancePlan, MaintenanceResult, MaintenanceWindow, Slug, Tags, TimeZones,
};
use parking_lot::RwLock;
use time::OffsetDateTime;

/// The windows. The journal applies each access to the store, in the order of revisions.
#[derive(Default)]
pub(crate) struct MaintenanceTable {
    windows: RwLock<BTreeMap<MaintenanceId, MaintenanceWindow>>,
}

impl MaintenanceTable {
    /// Replaces everything.
    pub(crate) fn fill(&self, read: Vec<MaintenanceWindow>) {
        *self.windows.write() = read.into_iter().map(|window| (window.id, window)).collect();
    }

    /// Applies writes of this replica.
    pub(crate) fn apply(&self, results: &[MaintenanceResult]) {
        let mut windows = self.windows.write();
        for result in results {
            match result {
                MaintenanceResult::Stored(window) => {
                    windows.insert(window.id, window.clone());
                }
                MaintenanceResult::Removed(window) => {
                    windows.remove(&window.id);
                }
                MaintenanceResult::NotFound | MaintenanceResult::TooMany => {}
            }
        }
    }

    /// Returns all windows in the order of their ids.
    pub(crate) fn all(&self) -> Vec<MaintenanceWindow> {
        self.windows.read().values().cloned().collect()
    }

    /// Returns the windows that are open.
    pub(crate) fn open(&self, now: OffsetDateTime, zones: &dyn TimeZones) -> OpenWindows {
        let windows = self.windows.read();
        let open = windows.values().filter(|window| window.plan.is_open(now, zones));
        OpenWindows(open.map(|window| window.plan.clone()).collect())
    }
}

/// The windows that are open at one moment.
pub(crate) struct OpenWindows(Vec<MaintenancePlan>);

impl OpenWindows {
    /// Returns `true` if a window covers a project with this slug and these tags.
    pub(crate) fn cover(&self, slug: &Slug, tags: &Tags) -> bool {
        self.0.iter().any(|plan| plan.names(slug, tags))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
