//! The port of the incidents.

use async_trait::async_trait;
use diesel::prelude::*;
use federation_domain::{
    Actor, EditedIncident, EvaluatorClaim, EvaluatorState, IncidentEdit, IncidentId, IncidentStore,
    IncidentWrite, IncidentsSnapshot, LiveIncident, LogEntry, Revision, StoreError, StoredEntry,
};
use time::OffsetDateTime;

use super::SqliteStore;
use crate::incidents;

#[async_trait]
impl IncidentStore for SqliteStore {
    async fn claim_evaluation(
        &self,
        claim: &EvaluatorClaim,
    ) -> Result<Option<EvaluatorState>, StoreError> {
        let claim = claim.clone();
        self.write(move |c| incidents::claim(c, &claim)).await
    }

    async fn release_evaluation(&self, owner: &str) -> Result<(), StoreError> {
        let owner = owner.to_owned();
        self.write(move |c| incidents::release(c, &owner)).await
    }

    async fn load_incidents(
        &self,
        resolved_after: OffsetDateTime,
        max_resolved: usize,
    ) -> Result<IncidentsSnapshot, StoreError> {
        self.read(move |c| c.transaction(|c| incidents::load(c, resolved_after, max_resolved)))
            .await
    }

    async fn find_incidents(&self, ids: &[IncidentId]) -> Result<Vec<LiveIncident>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |c| c.transaction(|c| incidents::find(c, &ids))).await
    }

    async fn write_incidents(
        &self,
        write: &IncidentWrite,
    ) -> Result<Option<Vec<LogEntry>>, StoreError> {
        let write = write.clone();
        self.write(move |c| incidents::write(c, &write)).await
    }

    async fn edit_incident(
        &self,
        id: IncidentId,
        edit: &IncidentEdit,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<EditedIncident, StoreError> {
        let (edit, actor) = (edit.clone(), actor.clone());
        self.write(move |c| incidents::edit(c, id, &edit, &actor, at)).await
    }

    async fn incident_entries(
        &self,
        id: IncidentId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        self.read(move |c| incidents::entries(c, id, before, limit)).await
    }
}
