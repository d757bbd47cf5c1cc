//! A store in memory that can be taken away.

mod spells;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use federation_domain::{
    CatalogStore, Cause, Change, ChangeKind, Checkpoint, Listened, LogEntry, Origin, Outcome,
    Precondition, Project, ProjectId, ProjectStatus, Registered, Registering, Registration,
    Reports, Revision, Slug, Snapshot, Source, StoreError, Transition, Verdicts,
};
use parking_lot::Mutex;
use time::OffsetDateTime;

use spells::Spells;

/// The port `CatalogStore` in memory: passes the same contract suite as the real ones.
#[derive(Default)]
pub struct FakeCatalogStore {
    tables: Arc<Mutex<Tables>>,
    away: AtomicBool,
    loses_answer: AtomicBool,
    refuses: AtomicBool,
}

/// What was stored at a moment.
pub struct Backup(Tables);

#[derive(Default, Clone)]
struct Tables {
    projects: BTreeMap<ProjectId, Project>,
    ids: HashMap<Slug, ProjectId>,
    last_id: i64,
    changes: Vec<Change>,
    spoiled: BTreeSet<Revision>,
    spells: Spells,
}

impl FakeCatalogStore {
    /// Another way to the same tables, which can be taken away for itself.
    #[must_use]
    pub fn sharing(&self) -> Self {
        Self { tables: Arc::clone(&self.tables), ..Self::default() }
    }

    /// Takes the store away, so that every call is `Unavailable`, or brings it back.
    pub fn set_available(&self, available: bool) {
        self.away.store(!available, Ordering::SeqCst);
    }

    /// Makes the newest entry of the log unreadable, as one that another version wrote.
    pub fn spoil_newest_entry(&self) {
        let mut tables = self.tables.lock();
        let newest = tables.revision();
        tables.spoiled.insert(newest);
    }

    /// What is stored now, to be [restored](Self::restore) later.
    #[must_use]
    pub fn back_up(&self) -> Backup {
        Backup(self.tables.lock().clone())
    }

    /// Brings back what was stored once; what came since is lost.
    pub fn restore(&self, backup: Backup) {
        *self.tables.lock() = backup.0;
    }

    /// Makes the next commit apply and then fail, as when the connection breaks on its answer.
    pub fn lose_next_answer(&self) {
        self.loses_answer.store(true, Ordering::SeqCst);
    }

    /// Makes every registration fail for good, or no longer.
    pub fn set_refusing(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// Changes a status by hand, past the log.
    pub fn set_status(&self, project: ProjectId, status: ProjectStatus) {
        if let Some(project) = self.tables.lock().projects.get_mut(&project) {
            project.status = status;
        }
    }

    fn tables(&self) -> Result<parking_lot::MutexGuard<'_, Tables>, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("taken away by the test".into()));
        }
        Ok(self.tables.lock())
    }
}

impl Tables {
    fn revision(&self) -> Revision {
        self.changes.last().map_or(Revision(0), |change| change.revision)
    }

    fn log(
        &mut self,
        slug: &Slug,
        kind: ChangeKind,
        status: (Option<ProjectStatus>, Option<ProjectStatus>),
        at: OffsetDateTime,
        cause: Cause,
    ) -> Change {
        let revision = Revision(self.revision().0 + 1);
        let (from, to) = status;
        let change = Change { revision, slug: slug.clone(), kind, from, to, at, cause };
        self.changes.push(change.clone());
        change
    }

    fn register(
        &mut self,
        registering: &Registering,
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Registered, StoreError> {
        let cause = Cause::Registered { by };
        let slug = registering.slug();
        let known = self.ids.get(slug).and_then(|id| self.projects.get(id)).cloned();
        if !registering.may_meet(known.as_ref()) {
            return Err(registering.refusal(known.as_ref()));
        }
        let Some(mut project) = known else {
            let registration = registering.creates().ok_or_else(|| registering.refusal(None))?;
            self.last_id += 1;
            let project = new_project(ProjectId(self.last_id), registration, at);
            self.ids.insert(project.slug.clone(), project.id);
            self.projects.insert(project.id, project.clone());
            let status = (None, Some(project.status));
            let change = self.log(&project.slug, ChangeKind::Registered, status, at, cause);
            return Ok(Registered { project, change: Some(change) });
        };
        if by == Origin::Heartbeat || registering.is_met_by(&project) {
            return Ok(Registered { project, change: None });
        }
        registering.apply_to(&mut project);
        project.updated_at = at;
        self.projects.insert(project.id, project.clone());
        let status = (Some(project.status), Some(project.status));
        let change = self.log(&project.slug, ChangeKind::Updated, status, at, cause);
        Ok(Registered { project, change: Some(change) })
    }

    fn commit(
        &mut self,
        transition: &Transition,
        stands: impl FnOnce(&Project) -> bool,
    ) -> Outcome {
        let Some(project) = self.projects.get_mut(&transition.project) else {
            return Outcome::Gone;
        };
        if !stands(project) {
            return Outcome::Stale(Box::new(project.clone()));
        }
        project.status = transition.to;
        project.reports = transition.reports.clone();
        if transition.last_heartbeat_at > project.last_heartbeat_at {
            project.last_heartbeat_at = transition.last_heartbeat_at;
            project.last_heartbeat_source = transition.last_heartbeat_source;
        }
        if transition.from == transition.to {
            return Outcome::Accepted(None);
        }
        project.updated_at = transition.at;
        let (slug, cause) = (project.slug.clone(), transition.cause.clone());
        let status = (Some(transition.from), Some(transition.to));
        let change = self.log(&slug, ChangeKind::StatusChanged, status, transition.at, cause);
        Outcome::Accepted(Some(change))
    }
}

fn new_project(id: ProjectId, registration: &Registration, at: OffsetDateTime) -> Project {
    Project {
        id,
        slug: registration.slug.clone(),
        name: registration.name.clone(),
        hub_url: registration.hub_url.clone(),
        mesh_namespace: Some(registration.mesh_namespace.clone()),
        status: ProjectStatus::Offline,
        tags: registration.tags.clone(),
        last_heartbeat_at: None,
        last_heartbeat_source: None,
        created_at: at,
        updated_at: at,
        heartbeat_interval: registration.heartbeat_interval,
        allow_fanout: registration.allow_fanout.clone().unwrap_or_default(),
        reports: Reports::default(),
    }
}

#[async_trait]
impl CatalogStore for FakeCatalogStore {
    async fn load(&self) -> Result<Snapshot, StoreError> {
        let tables = self.tables()?;
        Ok(Snapshot {
            projects: tables.projects.values().cloned().collect(),
            revision: tables.revision(),
            listened: tables.spells.last_of_each(),
            corrupt_rows: 0,
        })
    }

    async fn find(&self, slugs: &[Slug]) -> Result<Vec<Project>, StoreError> {
        let tables = self.tables()?;
        let ids: BTreeSet<_> = slugs.iter().filter_map(|slug| tables.ids.get(slug)).collect();
        Ok(ids.into_iter().filter_map(|id| tables.projects.get(id)).cloned().collect())
    }

    async fn register_if(
        &self,
        registrations: &[Registering],
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<Registered>, StoreError> {
        let mut tables = self.tables()?;
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StoreError::Failed("refused by the test".into()));
        }
        // One alone is refused before it changes anything.
        let before = (registrations.len() > 1).then(|| tables.clone());
        let registered: Result<Vec<_>, _> =
            registrations.iter().map(|one| tables.register(one, by, at)).collect();
        if let (Err(_), Some(before)) = (&registered, before) {
            *tables = before;
        }
        registered
    }

    async fn remove_if(
        &self,
        slug: &Slug,
        only_if: &Precondition,
        at: OffsetDateTime,
    ) -> Result<Option<(ProjectId, Change)>, StoreError> {
        let mut tables = self.tables()?;
        let Some(id) = tables.ids.get(slug).copied() else { return Ok(None) };
        let stored = tables.projects.get(&id).cloned();
        if !only_if.holds(stored.as_ref()) {
            return Err(StoreError::refused(slug, only_if, stored.as_ref()));
        }
        tables.ids.remove(slug);
        let Some(project) = tables.projects.remove(&id) else { return Ok(None) };
        let status = (Some(project.status), None);
        let change = tables.log(slug, ChangeKind::Removed, status, at, Cause::Operator);
        Ok(Some((project.id, change)))
    }

    async fn commit(&self, transitions: &[Transition]) -> Result<Vec<Outcome>, StoreError> {
        let mut tables = self.tables()?;
        let mut verdicts = Verdicts::new(transitions);
        let outcomes = transitions.iter().enumerate().map(|(place, transition)| {
            tables.commit(transition, |project| {
                let Project { status, last_heartbeat_at, updated_at, .. } = *project;
                verdicts.stands(place, status, last_heartbeat_at, updated_at)
            })
        });
        let outcomes = outcomes.collect();
        if self.loses_answer.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the answer was lost by the test".into()));
        }
        Ok(outcomes)
    }

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let mut tables = self.tables()?;
        for mark in &checkpoint.heartbeats {
            if let Some(project) = tables.projects.get_mut(&mark.project)
                && Some(mark.at) > project.last_heartbeat_at
            {
                project.last_heartbeat_at = Some(mark.at);
                project.last_heartbeat_source = Some(mark.source);
            }
        }
        for spell in &checkpoint.listened {
            tables.spells.join(*spell);
        }
        Ok(())
    }

    async fn changes_after(
        &self,
        revision: Revision,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let tables = self.tables()?;
        let newer = tables.changes.iter().filter(|change| change.revision > revision);
        let entry = |change: &Change| {
            if !tables.spoiled.contains(&change.revision) {
                return LogEntry::Change(change.clone());
            }
            LogEntry::Unreadable {
                revision: change.revision,
                slug: Some(change.slug.clone()),
                fault: StoreError::Failed("spoiled by the test".into()),
            }
        };
        Ok(newer.take(limit).map(entry).collect())
    }

    async fn history(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError> {
        let tables = self.tables()?;
        let is_asked_for = |change: &&Change| {
            change.slug == *slug && before.is_none_or(|before| change.revision < before)
        };
        Ok(tables.changes.iter().rev().filter(is_asked_for).take(limit).cloned().collect())
    }

    async fn spells(
        &self,
        source: Source,
        since: OffsetDateTime,
    ) -> Result<Vec<Listened>, StoreError> {
        Ok(self.tables()?.spells.since(source, since))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.tables().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contract::samples::registration;

    async fn fresh_store() -> (Arc<dyn CatalogStore>, ()) {
        (Arc::new(FakeCatalogStore::default()), ())
    }

    crate::catalog_store_contract!(fresh_store);

    #[tokio::test]
    async fn a_store_that_is_away_answers_nothing_and_forgets_nothing() {
        let store = FakeCatalogStore::default();
        let at = OffsetDateTime::UNIX_EPOCH;
        store.register(&[registration("a")], Origin::Api, at).await.unwrap();
        store.set_available(false);
        assert!(store.load().await.unwrap_err().is_unavailable());
        assert!(store.ping().await.unwrap_err().is_unavailable());
        store.set_available(true);
        assert_eq!(store.load().await.unwrap().projects.len(), 1);
    }
}
