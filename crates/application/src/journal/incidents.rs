//! Incidents in the log and in the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use federation_domain::{
    Actor, EditedIncident, INCIDENT, IncidentEdit, IncidentId, IncidentWrite, Revision, StoreError,
    StoredEntry,
};
use time::OffsetDateTime;

use super::Journal;
use crate::incident_table::MAX_RESOLVED;

impl Journal {
    /// Reads all incidents that are kept in memory.
    pub(super) async fn load_incidents(&self) -> Result<(), StoreError> {
        let all = OffsetDateTime::UNIX_EPOCH;
        let read = self.note(self.stores.incidents.load_incidents(all, MAX_RESOLVED).await)?;
        self.incidents.fill(&read.incidents);
        Ok(())
    }

    /// Reads the incidents that another process changed after a revision.
    pub(super) async fn learn_incidents(
        &self,
        known: Revision,
        entries: &[StoredEntry],
    ) -> Result<(), StoreError> {
        let changed: BTreeSet<IncidentId> = {
            let tail = self.tail.lock();
            let is_foreign =
                |entry: &&StoredEntry| entry.revision() > known && !tail.is_own(entry.revision());
            let entries = entries.iter().filter(is_foreign).filter_map(StoredEntry::entry);
            let of_incidents = entries.filter(|entry| entry.entity() == INCIDENT);
            of_incidents.filter_map(|entry| entry.key().parse().ok().map(IncidentId)).collect()
        };
        if changed.is_empty() {
            return Ok(());
        }
        let changed: Vec<IncidentId> = changed.into_iter().collect();
        let read = self.note(self.stores.incidents.find_incidents(&changed).await)?;
        self.incidents.learn(read);
        Ok(())
    }

    /// Stores a decision and applies it to the incidents in memory. Returns `false` if the stored
    /// incidents have changed since those that it is based on.
    pub(crate) async fn write_incidents(
        self: &Arc<Self>,
        write: IncidentWrite,
    ) -> Result<bool, StoreError> {
        let journal = Arc::clone(self);
        self.write(async move {
            let written = journal.stores.incidents.write_incidents(&write).await?;
            let Some(entries) = written else { return Ok((false, Vec::new())) };
            journal.incidents.apply(&write.changes);
            Ok((true, entries))
        })
        .await
    }

    /// Applies the edit of a person.
    pub(crate) async fn edit_incident(
        self: &Arc<Self>,
        id: IncidentId,
        edit: IncidentEdit,
        actor: Actor,
        at: OffsetDateTime,
    ) -> Result<EditedIncident, StoreError> {
        let journal = Arc::clone(self);
        self.write(async move {
            let store = &journal.stores.incidents;
            let mut edited = store.edit_incident(id, &edit, &actor, at).await?;
            let mut entries = Vec::new();
            if let EditedIncident::Changed(incident, logged) = &mut edited {
                journal.incidents.learn([incident.as_ref().clone()]);
                entries = std::mem::take(logged);
            }
            Ok((edited, entries))
        })
        .await
    }
}
