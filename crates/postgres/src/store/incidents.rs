//! The port of the incidents.

use async_trait::async_trait;
use federation_domain::{
    Actor, EditedIncident, EvaluatorClaim, EvaluatorState, IncidentEdit, IncidentId, IncidentStore,
    IncidentWrite, IncidentsSnapshot, LiveIncident, LogEntry, Revision, StoreError, StoredEntry,
};
use time::OffsetDateTime;

use super::{Access, BULK_DEADLINE, PgStore, deadline_of_a_batch, settle};
use crate::incidents;

#[async_trait]
impl IncidentStore for PgStore {
    async fn claim_evaluation(
        &self,
        claim: &EvaluatorClaim,
    ) -> Result<Option<EvaluatorState>, StoreError> {
        self.transact(async |c| incidents::claim(c, claim).await).await
    }

    async fn release_evaluation(&self, owner: &str) -> Result<(), StoreError> {
        self.transact(async |c| incidents::release(c, owner).await).await
    }

    async fn load_incidents(
        &self,
        resolved_after: OffsetDateTime,
        max_resolved: usize,
    ) -> Result<IncidentsSnapshot, StoreError> {
        self.read(self.connection().await?, BULK_DEADLINE, async |c| {
            incidents::load(c, resolved_after, max_resolved).await
        })
        .await
    }

    async fn find_incidents(&self, ids: &[IncidentId]) -> Result<Vec<LiveIncident>, StoreError> {
        self.read(self.connection().await?, BULK_DEADLINE, async |c| incidents::find(c, ids).await)
            .await
    }

    async fn write_incidents(
        &self,
        write: &IncidentWrite,
    ) -> Result<Option<Vec<LogEntry>>, StoreError> {
        let members = write.changes.iter().map(|change| change.members.len()).sum();
        let deadline = deadline_of_a_batch(members);
        settle(self.connection().await?, deadline, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    incidents::write(c, write).await
                })
                .await
        })
        .await
    }

    async fn edit_incident(
        &self,
        id: IncidentId,
        edit: &IncidentEdit,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<EditedIncident, StoreError> {
        self.transact(async |c| incidents::edit(c, id, edit, actor, at).await).await
    }

    async fn incident_entries(
        &self,
        id: IncidentId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        self.query(async |c| incidents::entries(c, id, before, limit).await).await
    }
}
