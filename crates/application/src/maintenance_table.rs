//! The maintenance windows in memory, as the store holds them.

use std::collections::{BTreeMap, HashSet};

use federation_domain::{
    MaintenanceId, MaintenanceResult, MaintenanceWindow, Slug, Tags, TimeZones,
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
                MaintenanceResult::Stored(window) | MaintenanceResult::Unchanged(window) => {
                    windows.insert(window.id, window.clone());
                }
                MaintenanceResult::Removed(window) => {
                    windows.remove(&window.id);
                }
                MaintenanceResult::NotFound
                | MaintenanceResult::OtherSource
                | MaintenanceResult::TooMany => {}
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
        let mut open = OpenWindows::default();
        for MaintenanceWindow { plan, .. } in windows.values() {
            if plan.is_open(now, zones) {
                open.all |= plan.all;
                open.projects.extend(plan.projects.iter().cloned());
                open.tags.extend(plan.tags.iter().map(str::to_owned));
            }
        }
        open
    }
}

/// Projects covered by the windows that are open at one moment.
#[derive(Default)]
pub(crate) struct OpenWindows {
    all: bool,
    projects: HashSet<Slug>,
    tags: HashSet<String>,
}

impl OpenWindows {
    /// Returns `true` if a window covers a project with this slug and these tags.
    pub(crate) fn covers(&self, slug: &Slug, tags: &Tags) -> bool {
        self.all || self.projects.contains(slug) || tags.iter().any(|tag| self.tags.contains(tag))
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.all && self.projects.is_empty() && self.tags.is_empty()
    }
}
