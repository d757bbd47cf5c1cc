//! Facts about instances in the log and in the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use federation_domain::{
    Actor, ProjectId, Revision, SeenInstance, Slug, StoreError, StoredEntry, VERSION_CHANGED,
};

use super::Journal;

impl Journal {
    /// Returns the projects whose version another process changed after a revision, each once.
    pub(super) fn foreign_versions(
        &self,
        known: Revision,
        entries: &[StoredEntry],
    ) -> BTreeSet<Slug> {
        let tail = self.tail.lock();
        let is_foreign =
            |entry: &&StoredEntry| entry.revision() > known && !tail.is_own(entry.revision());
        let entries = entries.iter().filter(is_foreign).filter_map(StoredEntry::entry);
        let changed = entries.filter(|entry| entry.kind() == VERSION_CHANGED);
        changed.filter_map(|entry| entry.slug()).collect()
    }

    /// Reads the facts of projects that another process changed.
    pub(super) async fn learn_instances(&self, projects: &[ProjectId]) -> Result<(), StoreError> {
        if !projects.is_empty() {
            let found = self.note(self.stores.instances.find_instances(projects).await)?;
            self.instances.learn(found);
        }
        Ok(())
    }

    /// Writes facts about instances.
    pub(crate) async fn write_instances(
        self: &Arc<Self>,
        seen: Vec<SeenInstance>,
        actor: Actor,
    ) -> Result<(), StoreError> {
        let journal = Arc::clone(self);
        self.write(async move {
            let entries = journal.stores.instances.store_instances(&seen, &actor).await?;
            Ok(((), entries))
        })
        .await
    }
}
