//! The port of the facts about instances.

use async_trait::async_trait;
use diesel::connection::Connection;
use federation_domain::{Actor, InstanceStore, LogEntry, ProjectId, SeenInstance, StoreError};

use super::SqliteStore;
use crate::error::SqliteError;
use crate::instances;

#[async_trait]
impl InstanceStore for SqliteStore {
    async fn load_instances(&self) -> Result<Vec<SeenInstance>, StoreError> {
        self.read(instances::load).await
    }

    async fn find_instances(
        &self,
        projects: &[ProjectId],
    ) -> Result<Vec<SeenInstance>, StoreError> {
        let projects = projects.to_vec();
        self.read(move |c| {
            c.transaction(|c| {
                let mut found = Vec::new();
                for project in projects {
                    found.extend(instances::find(c, project)?);
                }
                Ok::<_, SqliteError>(found)
            })
        })
        .await
    }

    async fn store_instances(
        &self,
        seen: &[SeenInstance],
        actor: &Actor,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let (seen, actor) = (seen.to_vec(), actor.clone());
        self.write(move |c| instances::store(c, &seen, &actor)).await
    }
}
