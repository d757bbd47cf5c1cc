//! Runs of actions.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use federation_domain::{
    ActionChangeKind, ActionRun, ActionStore, ActionTarget, Actor, CreatedRun, LogEntry,
    NewActionChange, NewRun, OutcomeCounts, RunFilter, RunId, RunLease, RunStatus, Slug,
    StoreError, to_micros,
};
use time::OffsetDateTime;

use super::FakeStore;

/// Runs by id, and keys of requests by actor and key.
#[derive(Default, Clone)]
pub(super) struct Actions {
    runs: BTreeMap<RunId, StoredRun>,
    requests: BTreeMap<(String, String), (String, RunId, OffsetDateTime)>,
}

#[derive(Clone)]
struct StoredRun {
    run: ActionRun,
    targets: BTreeMap<Slug, ActionTarget>,
    lease: Option<(String, OffsetDateTime)>,
}

impl StoredRun {
    fn read(&self) -> ActionRun {
        let mut counts = OutcomeCounts::default();
        for target in self.targets.values() {
            counts.add(target.outcome, target.asked_at.is_some(), 1);
        }
        ActionRun { counts, ..self.run.clone() }
    }

    fn is_owned(&self, owner: &str) -> bool {
        self.run.ended_at.is_none() && self.lease.as_ref().is_some_and(|(held, _)| held == owner)
    }
}

impl Actions {
    fn owned(&mut self, id: RunId, owner: &str) -> Option<&mut StoredRun> {
        self.runs.get_mut(&id).filter(|run| run.is_owned(owner))
    }

    fn refuse(&mut self, new: &NewRun, max: usize, since: OffsetDateTime) -> Option<CreatedRun> {
        self.requests.retain(|_, (_, _, at)| *at >= since);
        if let Some((key, digest)) = &new.request {
            let key = (new.run.actor.to_string(), key.to_string());
            if let Some((known, run, _)) = self.requests.get(&key) {
                let is_same = known == digest;
                return Some(if is_same {
                    CreatedRun::Existing(*run)
                } else {
                    CreatedRun::KeyReused
                });
            }
        }
        let running = self.runs.values().filter(|stored| stored.run.ended_at.is_none()).count();
        (running >= max).then_some(CreatedRun::TooMany)
    }

    fn insert(&mut self, new: &NewRun) {
        let targets = new.targets.iter().map(|one| (one.project.clone(), rounded(one))).collect();
        let stored = StoredRun { run: new.run.clone(), targets, lease: None };
        self.runs.insert(new.run.id, stored);
        if let Some((key, digest)) = &new.request {
            let key = (new.run.actor.to_string(), key.to_string());
            self.requests.insert(key, (digest.clone(), new.run.id, new.run.created_at));
        }
    }
}

/// Returns a target with times at the precision of a store.
fn rounded(target: &ActionTarget) -> ActionTarget {
    let (asked_at, ended_at) = (target.asked_at.map(to_micros), target.ended_at.map(to_micros));
    ActionTarget { asked_at, ended_at, ..target.clone() }
}

#[async_trait]
impl ActionStore for FakeStore {
    async fn create_run(
        &self,
        new: &NewRun,
        max_runs: usize,
        keys_since: OffsetDateTime,
    ) -> Result<CreatedRun, StoreError> {
        let mut tables = self.tables()?;
        if let Some(refused) = tables.actions.refuse(new, max_runs, keys_since) {
            return Ok(refused);
        }
        tables.actions.insert(new);
        let change = NewActionChange::of(&new.run, ActionChangeKind::Created, new.run.created_at);
        Ok(CreatedRun::New(tables.append(change.into_entry(new.run.actor.clone()))))
    }

    async fn find_run(&self, id: RunId) -> Result<Option<ActionRun>, StoreError> {
        Ok(self.tables()?.actions.runs.get(&id).map(StoredRun::read))
    }

    async fn list_runs(
        &self,
        filter: &RunFilter,
        limit: usize,
    ) -> Result<Vec<ActionRun>, StoreError> {
        let tables = self.tables()?;
        let is_selected = |run: &ActionRun| {
            filter.action.as_ref().is_none_or(|action| run.order.action == *action)
                && filter.actor.as_ref().is_none_or(|actor| run.actor == *actor)
                && filter.before.is_none_or(|before| run.id < before)
                && (filter.statuses.is_empty() || filter.statuses.contains(&run.status))
        };
        let runs = tables.actions.runs.values().rev().map(StoredRun::read);
        Ok(runs.filter(is_selected).take(limit).collect())
    }

    async fn run_targets(
        &self,
        id: RunId,
        after: Option<Slug>,
        limit: usize,
    ) -> Result<Vec<ActionTarget>, StoreError> {
        let tables = self.tables()?;
        let targets = tables.actions.runs.get(&id).into_iter().flat_map(|run| run.targets.values());
        let is_after =
            |target: &&ActionTarget| after.as_ref().is_none_or(|after| target.project > *after);
        Ok(targets.filter(is_after).take(limit).cloned().collect())
    }

    async fn lease_runs(&self, lease: &RunLease) -> Result<Vec<ActionRun>, StoreError> {
        let mut tables = self.tables()?;
        let mut leased = Vec::new();
        for stored in tables.actions.runs.values_mut() {
            let is_free = stored
                .lease
                .as_ref()
                .is_none_or(|(owner, until)| *owner == lease.owner || *until < lease.now);
            if stored.run.ended_at.is_none() && is_free {
                stored.lease = Some((lease.owner.clone(), lease.until));
                leased.push(stored.read());
            }
        }
        Ok(leased)
    }

    async fn record_dispatch(
        &self,
        id: RunId,
        owner: &str,
        projects: &[Slug],
        at: OffsetDateTime,
    ) -> Result<Vec<Slug>, StoreError> {
        self.wait_if_slow().await;
        let mut tables = self.tables()?;
        let at = to_micros(at);
        let Some(stored) = tables.actions.owned(id, owner) else { return Ok(Vec::new()) };
        if stored.run.status != RunStatus::Running {
            return Ok(Vec::new());
        }
        let mut recorded = Vec::new();
        for project in projects {
            let Some(target) = stored.targets.get_mut(project) else { continue };
            if target.outcome.is_none() && target.asked_at.is_none_or(|asked| asked == at) {
                target.asked_at = Some(at);
                recorded.push(project.clone());
            }
        }
        if self.loses_answer.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("answer lost by the test".into()));
        }
        Ok(recorded)
    }

    async fn store_targets(
        &self,
        id: RunId,
        owner: &str,
        targets: &[ActionTarget],
    ) -> Result<bool, StoreError> {
        self.wait_if_slow().await;
        let mut tables = self.tables()?;
        let Some(stored) = tables.actions.owned(id, owner) else { return Ok(false) };
        for target in targets {
            if let Some(known) = stored.targets.get_mut(&target.project)
                && known.outcome.is_none()
            {
                *known = rounded(target);
            }
        }
        Ok(true)
    }

    async fn cancel_run(
        &self,
        id: RunId,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<Option<(ActionRun, Option<LogEntry>)>, StoreError> {
        let mut tables = self.tables()?;
        let Some(stored) = tables.actions.runs.get_mut(&id) else { return Ok(None) };
        if stored.run.status != RunStatus::Running {
            return Ok(Some((stored.read(), None)));
        }
        stored.run.status = RunStatus::Cancelling;
        let run = stored.read();
        let change = NewActionChange::of(&run, ActionChangeKind::Cancelled, at);
        let entry = tables.append(change.into_entry(actor.clone()));
        Ok(Some((run, Some(entry))))
    }

    async fn advance_run(
        &self,
        id: RunId,
        owner: &str,
        at: OffsetDateTime,
    ) -> Result<Option<(ActionRun, LogEntry)>, StoreError> {
        let mut tables = self.tables()?;
        let Some(stored) = tables.actions.owned(id, owner) else { return Ok(None) };
        let mut run = stored.read();
        let mut kind = ActionChangeKind::Progressed;
        if run.counts.ended() == run.counts.total() {
            kind = ActionChangeKind::Ended;
            (run.status, run.ended_at) = (run.status.at_the_end(), Some(to_micros(at)));
            (stored.run.status, stored.run.ended_at) = (run.status, run.ended_at);
        }
        let change = NewActionChange::of(&run, kind, at);
        let entry = tables.append(change.into_entry(Actor::SERVICE));
        Ok(Some((run, entry)))
    }

    async fn drop_runs(&self, before: OffsetDateTime, limit: usize) -> Result<usize, StoreError> {
        let mut tables = self.tables()?;
        let is_old = |stored: &&StoredRun| stored.run.ended_at.is_some_and(|at| at < before);
        let runs = tables.actions.runs.values().filter(is_old);
        let old: Vec<RunId> = runs.take(limit).map(|stored| stored.run.id).collect();
        for id in &old {
            tables.actions.runs.remove(id);
        }
        tables.actions.requests.retain(|_, (_, run, _)| !old.contains(run));
        Ok(old.len())
    }
}
