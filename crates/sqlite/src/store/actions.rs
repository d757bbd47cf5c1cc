//! The port of the runs of actions.

use async_trait::async_trait;
use diesel::prelude::*;
use federation_domain::{
    ActionRun, ActionStore, ActionTarget, Actor, CreatedRun, LogEntry, NewRun, RunFilter, RunId,
    RunLease, Slug, StoreError,
};
use time::OffsetDateTime;

use super::SqliteStore;
use crate::actions;

#[async_trait]
impl ActionStore for SqliteStore {
    async fn create_run(
        &self,
        new: &NewRun,
        max_runs: usize,
        keys_since: OffsetDateTime,
    ) -> Result<CreatedRun, StoreError> {
        let new = new.clone();
        self.write(move |c| actions::create(c, &new, max_runs, keys_since)).await
    }

    async fn find_run(&self, id: RunId) -> Result<Option<ActionRun>, StoreError> {
        self.read(move |c| c.transaction(|c| actions::find(c, id))).await
    }

    async fn list_runs(
        &self,
        filter: &RunFilter,
        limit: usize,
    ) -> Result<Vec<ActionRun>, StoreError> {
        let filter = filter.clone();
        self.read(move |c| c.transaction(|c| actions::list(c, &filter, limit))).await
    }

    async fn run_targets(
        &self,
        id: RunId,
        after: Option<Slug>,
        limit: usize,
    ) -> Result<Vec<ActionTarget>, StoreError> {
        self.read(move |c| actions::targets(c, id, after.as_ref(), limit)).await
    }

    async fn lease_runs(&self, lease: &RunLease) -> Result<Vec<ActionRun>, StoreError> {
        let lease = lease.clone();
        self.write(move |c| actions::lease(c, &lease)).await
    }

    async fn record_dispatch(
        &self,
        id: RunId,
        owner: &str,
        projects: &[Slug],
        at: OffsetDateTime,
    ) -> Result<Vec<Slug>, StoreError> {
        let (owner, projects) = (owner.to_owned(), projects.to_vec());
        self.write(move |c| actions::record_dispatch(c, id, &owner, &projects, at)).await
    }

    async fn store_targets(
        &self,
        id: RunId,
        owner: &str,
        targets: &[ActionTarget],
    ) -> Result<bool, StoreError> {
        let (owner, targets) = (owner.to_owned(), targets.to_vec());
        self.write(move |c| actions::store_targets(c, id, &owner, &targets)).await
    }

    async fn cancel_run(
        &self,
        id: RunId,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<Option<(ActionRun, Option<LogEntry>)>, StoreError> {
        let actor = actor.clone();
        self.write(move |c| actions::cancel(c, id, &actor, at)).await
    }

    async fn advance_run(
        &self,
        id: RunId,
        owner: &str,
        at: OffsetDateTime,
    ) -> Result<Option<(ActionRun, LogEntry)>, StoreError> {
        let owner = owner.to_owned();
        self.write(move |c| actions::advance(c, id, &owner, at)).await
    }

    async fn drop_runs(&self, before: OffsetDateTime, limit: usize) -> Result<usize, StoreError> {
        self.write(move |c| actions::drop_old(c, before, limit)).await
    }
}
