//! The port of the runs of actions.

use async_trait::async_trait;
use federation_domain::{
    ActionRun, ActionStore, ActionTarget, Actor, CreatedRun, LogEntry, NewRun, RunFilter, RunId,
    RunLease, Slug, StoreError,
};
use time::OffsetDateTime;

use super::PgStore;
use crate::actions;

#[async_trait]
impl ActionStore for PgStore {
    async fn create_run(
        &self,
        new: &NewRun,
        max_runs: usize,
        keys_since: OffsetDateTime,
    ) -> Result<CreatedRun, StoreError> {
        self.transact(async |c| actions::create(c, new, max_runs, keys_since).await).await
    }

    async fn find_run(&self, id: RunId) -> Result<Option<ActionRun>, StoreError> {
        self.query(async |c| actions::find(c, id).await).await
    }

    async fn list_runs(
        &self,
        filter: &RunFilter,
        limit: usize,
    ) -> Result<Vec<ActionRun>, StoreError> {
        self.query(async |c| actions::list(c, filter, limit).await).await
    }

    async fn run_targets(
        &self,
        id: RunId,
        after: Option<Slug>,
        limit: usize,
    ) -> Result<Vec<ActionTarget>, StoreError> {
        self.query(async |c| actions::targets(c, id, after.as_ref(), limit).await).await
    }

    async fn lease_runs(&self, lease: &RunLease) -> Result<Vec<ActionRun>, StoreError> {
        self.transact(async |c| actions::lease(c, lease).await).await
    }

    async fn record_dispatch(
        &self,
        id: RunId,
        owner: &str,
        projects: &[Slug],
        at: OffsetDateTime,
    ) -> Result<Vec<Slug>, StoreError> {
        self.transact(async |c| actions::record_dispatch(c, id, owner, projects, at).await).await
    }

    async fn store_targets(
        &self,
        id: RunId,
        owner: &str,
        targets: &[ActionTarget],
    ) -> Result<bool, StoreError> {
        self.transact(async |c| actions::store_targets(c, id, owner, targets).await).await
    }

    async fn cancel_run(
        &self,
        id: RunId,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<Option<(ActionRun, Option<LogEntry>)>, StoreError> {
        self.transact(async |c| actions::cancel(c, id, actor, at).await).await
    }

    async fn advance_run(
        &self,
        id: RunId,
        owner: &str,
        at: OffsetDateTime,
    ) -> Result<Option<(ActionRun, LogEntry)>, StoreError> {
        self.transact(async |c| actions::advance(c, id, owner, at).await).await
    }

    async fn drop_runs(&self, before: OffsetDateTime, limit: usize) -> Result<usize, StoreError> {
        self.transact(async |c| actions::drop_old(c, before, limit).await).await
    }
}
