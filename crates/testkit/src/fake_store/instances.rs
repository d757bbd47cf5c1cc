//! Facts about instances.

use std::collections::BTreeMap;

use async_trait::async_trait;
use federation_domain::{Actor, InstanceStore, LogEntry, ProjectId, SeenInstance, StoreError};

use super::FakeStore;

/// Facts by project.
pub(super) type Instances = BTreeMap<ProjectId, SeenInstance>;

#[async_trait]
impl InstanceStore for FakeStore {
    async fn load_instances(&self) -> Result<Vec<SeenInstance>, StoreError> {
        Ok(self.tables()?.instances.values().cloned().collect())
    }

    async fn find_instances(
        &self,
        projects: &[ProjectId],
    ) -> Result<Vec<SeenInstance>, StoreError> {
        let tables = self.tables()?;
        let found = projects.iter().filter_map(|project| tables.instances.get(project));
        Ok(found.cloned().collect())
    }

    async fn store_instances(
        &self,
        seen: &[SeenInstance],
        actor: &Actor,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let mut tables = self.tables()?;
        let project = |one: &SeenInstance| tables.projects.get(&one.project);
        self.check_accepted(seen.iter().filter_map(project).map(|project| &project.slug))?;
        let mut entries = Vec::new();
        for one in seen {
            let stored = tables.instances.get(&one.project).cloned();
            let slug = tables.projects.get(&one.project).map(|project| project.slug.clone());
            let Some(slug) = slug.filter(|_| one.replaces(stored.as_ref())) else { continue };
            tables.instances.insert(one.project, one.clone());
            let entry = one.entry(&slug, stored.as_ref(), actor.clone());
            entries.extend(entry.map(|entry| tables.append(entry)));
        }
        Ok(entries)
    }
}
