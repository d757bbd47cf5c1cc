//! Edges in the log and in the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use federation_domain::{
    Actor, EDGE, EdgeKey, EdgeResult, EdgeWrite, Revision, Slug, StoreError, StoredEntry,
};

use super::Journal;

impl Journal {
    /// Returns the projects whose outgoing edges another process changed after a revision, each once.
    pub(super) fn foreign_edges(&self, known: Revision, entries: &[StoredEntry]) -> Vec<Slug> {
        let tail = self.tail.lock();
        let is_foreign =
            |entry: &&StoredEntry| entry.revision() > known && !tail.is_own(entry.revision());
        let entries = entries.iter().filter(is_foreign).filter_map(StoredEntry::entry);
        let keys = entries.filter(|entry| entry.entity() == EDGE).map(|entry| entry.key());
        let starts = keys.filter_map(|key| EdgeKey::parse(key).ok()).map(|key| key.from().clone());
        starts.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Writes claims about edges and applies them to the edges in memory.
    pub(crate) async fn write_edges(
        self: &Arc<Self>,
        writes: Vec<EdgeWrite>,
        all_or_none: bool,
        actor: Actor,
    ) -> Result<Vec<EdgeResult>, StoreError> {
        let journal = Arc::clone(self);
        self.write(async move {
            let written = journal.stores.edges.write_edges(&writes, all_or_none, &actor).await?;
            journal.edges.apply(&written.results);
            Ok((written.results, written.entries))
        })
        .await
    }
}
