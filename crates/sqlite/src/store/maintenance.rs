//! The port of the maintenance windows.

use async_trait::async_trait;
use federation_domain::{
    Actor, MaintenanceChange, MaintenanceSource, MaintenanceStore, MaintenanceWindow, StoreError,
    WrittenMaintenance,
};
use time::OffsetDateTime;

use super::SqliteStore;
use crate::maintenance;

#[async_trait]
impl MaintenanceStore for SqliteStore {
    async fn load_maintenance(&self) -> Result<Vec<MaintenanceWindow>, StoreError> {
        self.read(maintenance::load).await
    }

    async fn write_maintenance(
        &self,
        source: MaintenanceSource,
        changes: &[MaintenanceChange],
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<WrittenMaintenance, StoreError> {
        let (changes, actor) = (changes.to_vec(), actor.clone());
        self.write(move |c| maintenance::write(c, source, &changes, &actor, at)).await
    }
}
