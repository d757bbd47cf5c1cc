//! Maintenance windows in the log and in the store.

use std::sync::Arc;

use federation_domain::{
    Actor, MAINTENANCE, MaintenanceChange, MaintenanceResult, MaintenanceSource, Revision,
    StoreError, StoredEntry,
};
use time::OffsetDateTime;

use super::Journal;

impl Journal {
    /// Reads all windows.
    pub(super) async fn load_maintenance(&self) -> Result<(), StoreError> {
        let read = self.note(self.stores.maintenance.load_maintenance().await)?;
        self.maintenance.fill(read);
        Ok(())
    }

    /// Reads all windows again if another process changed one after a revision. There are few.
    pub(super) async fn learn_maintenance(
        &self,
        known: Revision,
        entries: &[StoredEntry],
    ) -> Result<(), StoreError> {
        let is_changed = {
            let tail = self.tail.lock();
            let is_foreign =
                |entry: &&StoredEntry| entry.revision() > known && !tail.is_own(entry.revision());
            let mut entries = entries.iter().filter(is_foreign).filter_map(StoredEntry::entry);
            entries.any(|entry| entry.entity() == MAINTENANCE)
        };
        if is_changed { self.load_maintenance().await } else { Ok(()) }
    }

    /// Writes windows and applies them to those in memory.
    pub(crate) async fn write_maintenance(
        self: &Arc<Self>,
        source: MaintenanceSource,
        changes: Vec<MaintenanceChange>,
        actor: Actor,
        at: OffsetDateTime,
    ) -> Result<Vec<MaintenanceResult>, StoreError> {
        let journal = Arc::clone(self);
        self.write(async move {
            let store = &journal.stores.maintenance;
            let written = store.write_maintenance(source, &changes, &actor, at).await?;
            journal.maintenance.apply(&written.results);
            Ok((written.results, written.entries))
        })
        .await
    }
}
