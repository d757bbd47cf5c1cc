//! The port of the maintenance windows.

use async_trait::async_trait;
use federation_domain::{
    Actor, MaintenanceChange, MaintenanceSource, MaintenanceStore, MaintenanceWindow, StoreError,
    WrittenMaintenance,
};
use time::OffsetDateTime;

use super::PgStore;
use crate::maintenance;

#[async_trait]
impl MaintenanceStore for PgStore {
    async fn load_maintenance(&self) -> Result<Vec<MaintenanceWindow>, StoreError> {
        self.query(maintenance::load).await
    }

    async fn write_maintenance(
        &self,
        source: MaintenanceSource,
        changes: &[MaintenanceChange],
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<WrittenMaintenance, StoreError> {
        self.transact(async |c| maintenance::write(c, source, changes, actor, at).await).await
    }
}
