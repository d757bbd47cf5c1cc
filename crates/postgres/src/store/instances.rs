//! The port of the facts about instances.

use async_trait::async_trait;
use federation_domain::{Actor, InstanceStore, LogEntry, ProjectId, SeenInstance, StoreError};

use super::{Access, BULK_DEADLINE, PgStore, deadline_of_a_batch, settle};
use crate::instances;

#[async_trait]
impl InstanceStore for PgStore {
    async fn load_instances(&self) -> Result<Vec<SeenInstance>, StoreError> {
        self.read(self.connection().await?, BULK_DEADLINE, instances::load).await
    }

    async fn find_instances(
        &self,
        projects: &[ProjectId],
    ) -> Result<Vec<SeenInstance>, StoreError> {
        let deadline = deadline_of_a_batch(projects.len());
        let connection = self.connection().await?;
        self.read(connection, deadline, async |c| instances::find(c, projects).await).await
    }

    async fn store_instances(
        &self,
        seen: &[SeenInstance],
        actor: &Actor,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let deadline = deadline_of_a_batch(seen.len());
        settle(self.connection().await?, deadline, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    instances::store(c, seen, actor).await
                })
                .await
        })
        .await
    }
}
