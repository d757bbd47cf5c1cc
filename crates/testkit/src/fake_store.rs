//! In-memory store with injectable failures.

mod actions;
mod edges;
mod faults;
mod incidents;
mod instances;
mod listening_periods;
mod maintenance;
mod outbox;
mod uptime;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use federation_domain::{
    Actor, CatalogStore, Change, ChangeLogStore, Checkpoint, CheckpointStore, Decision, Epoch,
    ListeningPeriod, ListeningStore, LogEntry, LogPart, NewChange, NewEntry, Origin, Outcome,
    Precondition, Project, ProjectId, ProjectStatus, Registered, Registration, RegistrationWrite,
    Reports, Revision, Slug, Snapshot, Source, StoreError, StoreHealth, StoredEntry, StoredProject,
    Transition, Verdicts,
};
use parking_lot::Mutex;
use time::OffsetDateTime;

use listening_periods::ListeningPeriods;
use uptime::Uptime;

/// The next epoch. It is not part of a backup.
static EPOCHS: AtomicU64 = AtomicU64::new(1);

/// The store ports in memory. It passes the same contract suite as the real stores.
#[derive(Default)]
pub struct FakeStore {
    tables: Arc<Mutex<Tables>>,
    away: AtomicBool,
    loses_answer: AtomicBool,
    fails: AtomicBool,
    is_read_only: AtomicBool,
    is_slow: AtomicBool,
    probes: AtomicUsize,
    rejected: Mutex<BTreeSet<Slug>>,
    locked: Mutex<BTreeSet<Slug>>,
    heartbeats_written: AtomicUsize,
}

/// A copy of everything that is stored.
pub struct Backup(Tables);

#[derive(Default, Clone)]
struct Tables {
    projects: BTreeMap<ProjectId, Project>,
    ids: HashMap<Slug, ProjectId>,
    last_id: i64,
    entries: Vec<LogEntry>,
    epoch: Epoch,
    /// Newest revision before which entries were dropped.
    dropped: Revision,
    spoiled: BTreeSet<Revision>,
    periods: ListeningPeriods,
    uptime: Uptime,
    edges: edges::Edges,
    incidents: incidents::Incidents,
    windows: maintenance::Windows,
    outbox: outbox::OutboxTable,
    instances: instances::Instances,
    actions: actions::Actions,
}

impl FakeStore {
    /// Returns another store on the same tables with its own injected failures.
    #[must_use]
    pub fn sharing(&self) -> Self {
        Self { tables: Arc::clone(&self.tables), ..Self::default() }
    }

    /// Makes every call fail as `Unavailable`, or succeed again.
    pub fn set_available(&self, available: bool) {
        self.away.store(!available, Ordering::SeqCst);
    }

    /// Makes the newest entry of the log unreadable, as if another version had written it.
    pub fn spoil_newest_entry(&self) {
        let mut tables = self.tables.lock();
        let newest = tables.revision();
        tables.spoiled.insert(newest);
    }

    /// Appends an entry of another entity, as a feature does in its own unit of work.
    pub fn append(&self, entry: NewEntry) -> LogEntry {
        self.tables.lock().append(entry)
    }

    /// Drops the entries through a revision.
    pub fn drop_entries(&self, through: Revision) {
        let mut tables = self.tables.lock();
        tables.entries.retain(|entry| entry.revision() > through);
        tables.dropped = through;
    }

    /// Copies the stored data, to be [restored](Self::restore) later.
    #[must_use]
    pub fn back_up(&self) -> Backup {
        Backup(self.tables.lock().clone())
    }

    /// Restores a copy. Later changes are lost.
    pub fn restore(&self, backup: Backup) {
        *self.tables.lock() = backup.0;
    }

    /// Changes a status without logging it.
    pub fn set_status(&self, project: ProjectId, status: ProjectStatus) {
        if let Some(project) = self.tables.lock().projects.get_mut(&project) {
            project.status = status;
        }
    }

    fn tables(&self) -> Result<parking_lot::MutexGuard<'_, Tables>, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("made unavailable by the test".into()));
        }
        Ok(self.tables.lock())
    }
}

impl Tables {
    fn revision(&self) -> Revision {
        self.entries.last().map_or(self.dropped, LogEntry::revision)
    }

    fn log(&mut self, change: NewChange) -> Change {
        let change = change.at_revision(Revision(self.revision().0 + 1));
        self.entries.push(change.clone().into());
        change
    }

    fn append(&mut self, entry: NewEntry) -> LogEntry {
        let entry = LogEntry::from(entry.at_revision(Revision(self.revision().0 + 1)));
        self.entries.push(entry.clone());
        entry
    }

    /// Returns the entry as it is read.
    fn stored(&self, entry: &LogEntry) -> StoredEntry {
        if !self.spoiled.contains(&entry.revision()) {
            return StoredEntry::Readable(entry.clone());
        }
        StoredEntry::Unreadable {
            revision: entry.revision(),
            slug: entry.slug(),
            fault: StoreError::Failed("spoiled by the test".into()),
        }
    }

    fn register(
        &mut self,
        write: &RegistrationWrite,
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Registered, StoreError> {
        let actor = &write.actor(by);
        let known = self.ids.get(write.slug()).and_then(|id| self.projects.get(id)).cloned();
        let change = match write.decide(known.map(StoredProject::intact).as_ref(), by, at)? {
            Decision::Create(registration) => {
                self.last_id += 1;
                let project = new_project(ProjectId(self.last_id), registration, by, at);
                self.ids.insert(project.slug.clone(), project.id);
                NewChange::registered(self.put(project), by, actor, at)
            }
            Decision::Keep(project) => return Ok(Registered { project, change: None }),
            Decision::Update { project, .. } => {
                NewChange::updated(self.put(project), by, actor, at)
            }
        };
        let change = self.log(change);
        let project = self.projects[&self.ids[write.slug()]].clone();
        Ok(Registered { project, change: Some(change) })
    }

    fn put(&mut self, project: Project) -> &Project {
        let id = project.id;
        self.projects.insert(id, project);
        &self.projects[&id]
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
        transition.apply_to(project);
        let change = NewChange::status_changed(&project.slug, transition);
        Outcome::Accepted(change.map(|change| self.log(change)))
    }
}

fn new_project(
    id: ProjectId,
    registration: &Registration,
    by: Origin,
    at: OffsetDateTime,
) -> Project {
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
        auto_registered: by == Origin::Heartbeat,
    }
}

#[async_trait]
impl CatalogStore for FakeStore {
    async fn load(&self) -> Result<Snapshot, StoreError> {
        let tables = self.tables()?;
        Ok(Snapshot {
            projects: tables.projects.values().cloned().collect(),
            revision: tables.revision(),
            epoch: tables.epoch,
            corrupt_rows: 0,
        })
    }

    async fn find(&self, slugs: &[Slug]) -> Result<Vec<Project>, StoreError> {
        let tables = self.tables()?;
        let ids: BTreeSet<_> = slugs.iter().filter_map(|slug| tables.ids.get(slug)).collect();
        Ok(ids.into_iter().filter_map(|id| tables.projects.get(id)).cloned().collect())
    }

    async fn register(
        &self,
        writes: &[RegistrationWrite],
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<Registered>, StoreError> {
        let mut tables = self.tables()?;
        self.check_accepted(writes.iter().map(RegistrationWrite::slug))?;
        // A single write fails before it changes anything.
        let before = (writes.len() > 1).then(|| tables.clone());
        let registered: Result<Vec<_>, _> =
            writes.iter().map(|write| tables.register(write, by, at)).collect();
        if let (Err(_), Some(before)) = (&registered, before) {
            *tables = before;
        }
        registered
    }

    async fn remove(
        &self,
        slug: &Slug,
        only_if: &Precondition,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<Option<(ProjectId, Change)>, StoreError> {
        let mut tables = self.tables()?;
        self.check_accepted([slug])?;
        let Some(id) = tables.ids.get(slug).copied() else { return Ok(None) };
        let stored = tables.projects.get(&id).cloned();
        only_if.check(slug, stored.as_ref())?;
        tables.ids.remove(slug);
        let Some(project) = tables.projects.remove(&id) else { return Ok(None) };
        tables.instances.remove(&id);
        let change = tables.log(NewChange::removed(slug, Some(project.status), actor, at));
        Ok(Some((project.id, change)))
    }

    async fn commit(&self, transitions: &[Transition]) -> Result<Vec<Outcome>, StoreError> {
        let mut tables = self.tables()?;
        self.check_accepted(transitions.iter().map(|transition| &transition.slug))?;
        let mut verdicts = Verdicts::new(transitions);
        let locked = self.locked.lock();
        let outcomes = transitions.iter().enumerate().map(|(place, transition)| {
            if locked.contains(&transition.slug) {
                return Outcome::Locked;
            }
            tables.commit(transition, |project| {
                let Project { status, last_heartbeat_at, updated_at, .. } = *project;
                verdicts.stands(place, status, last_heartbeat_at, updated_at)
            })
        });
        let outcomes = outcomes.collect();
        if self.loses_answer.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the test dropped the answer".into()));
        }
        Ok(outcomes)
    }
}

#[async_trait]
impl CheckpointStore for FakeStore {
    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<Vec<ProjectId>, StoreError> {
        let mut tables = self.tables()?;
        let heard = checkpoint.heartbeats.iter();
        let heard = heard.filter_map(|mark| tables.projects.get(&mark.project));
        self.check_accepted(heard.map(|project| &project.slug))?;
        let locked = self.locked.lock();
        let mut skipped = Vec::new();
        for mark in &checkpoint.heartbeats {
            if let Some(project) = tables.projects.get_mut(&mark.project)
                && project.last_heartbeat_at.is_none_or(|at| at < mark.lacking_before())
            {
                if locked.contains(&project.slug) {
                    skipped.push(project.id);
                    continue;
                }
                self.heartbeats_written.fetch_add(1, Ordering::SeqCst);
                project.last_heartbeat_at = Some(mark.at);
                project.last_heartbeat_source = Some(mark.source);
            }
        }
        for period in &checkpoint.listening_periods {
            tables.periods.join(*period);
        }
        Ok(skipped)
    }
}

#[async_trait]
impl ChangeLogStore for FakeStore {
    async fn changes_after(&self, revision: Revision, limit: usize) -> Result<LogPart, StoreError> {
        let tables = self.tables()?;
        let newer = tables.entries.iter().filter(|entry| entry.revision() > revision);
        Ok(LogPart {
            entries: newer.take(limit).map(|entry| tables.stored(entry)).collect(),
            epoch: tables.epoch,
            oldest: Revision(tables.dropped.0 + 1),
        })
    }

    async fn history(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let tables = self.tables()?;
        let is_asked_for = |entry: &&LogEntry| {
            entry.is_of(slug) && before.is_none_or(|before| entry.revision() < before)
        };
        let entries = tables.entries.iter().rev().filter(is_asked_for).take(limit);
        Ok(entries.map(|entry| tables.stored(entry)).collect())
    }

    async fn renew_epoch(&self, known: Epoch) -> Result<(), StoreError> {
        let mut tables = self.tables()?;
        if tables.epoch == known {
            tables.epoch = Epoch::from_bits(EPOCHS.fetch_add(1, Ordering::SeqCst));
        }
        Ok(())
    }
}

#[async_trait]
impl ListeningStore for FakeStore {
    async fn listening_periods(
        &self,
        source: Source,
        since: OffsetDateTime,
    ) -> Result<Vec<ListeningPeriod>, StoreError> {
        Ok(self.tables()?.periods.since(source, since))
    }
}

#[async_trait]
impl StoreHealth for FakeStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.tables().map(|_| ())
    }

    async fn probe_writes(&self) -> Result<(), StoreError> {
        self.probes.fetch_add(1, Ordering::SeqCst);
        drop(self.tables()?);
        self.check_accepted([])
    }
}

#[cfg(test)]
mod tests {
    use federation_domain::Store;

    use super::*;
    use crate::contract::samples::registration;

    async fn fresh_store() -> (Arc<dyn Store>, ()) {
        (Arc::new(FakeStore::default()), ())
    }

    crate::store_contract!(fresh_store);

    #[tokio::test]
    async fn an_unavailable_store_fails_and_keeps_its_data() {
        let store = FakeStore::default();
        let at = OffsetDateTime::UNIX_EPOCH;
        store.register(&[registration("a").into()], Origin::Api, at).await.unwrap();
        store.set_available(false);
        assert!(store.load().await.unwrap_err().is_unavailable());
        assert!(store.ping().await.unwrap_err().is_unavailable());
        store.set_available(true);
        assert_eq!(store.load().await.unwrap().projects.len(), 1);
    }
}
