//! Serialized access to the store: writes of this process, and changes of other replicas.

mod acceptance;
mod edges;
mod incidents;
mod instances;
mod maintenance;
mod notes;
mod registering;
mod tail;
mod turns;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use federation_domain::{
    Actor, BusyWith, ChangeSink, Clock, ListeningPeriod, LogEntry, LogPosition, Outcome,
    Precondition, Project, Revision, Slug, Snapshot, Source, StoreError, StoredEntry, Stores,
    Transition, error_chain,
};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::edge_table::EdgeTable;
use crate::incident_table::IncidentTable;
use crate::instances::Instances;
use crate::maintenance_table::MaintenanceTable;
use crate::metrics::Metrics;
use crate::mirror::Mirror;
use crate::recent::Recent;
use crate::rejected_writes::Rejections;
use acceptance::Acceptance;
use registering::WaitingCalls;
use tail::{Continuation, Tail};
use turns::Turns;

/// Writes to the store one at a time, mirrors the result into memory and publishes the changes.
///
/// The store serializes writers of changes anyway. The journal does so too, so that the steps after
/// a write (the mirror, the sink) run in revision order.
pub(crate) struct Journal {
    stores: Stores,
    mirror: Mirror,
    edges: Arc<EdgeTable>,
    instances: Instances,
    incidents: Arc<IncidentTable>,
    maintenance: Arc<MaintenanceTable>,
    sink: Arc<dyn ChangeSink>,
    metrics: Metrics,
    rejections: Rejections,
    acceptance: Acceptance,
    writing: tokio::sync::Mutex<()>,
    turns: Turns,
    calls: WaitingCalls,
    tail: Mutex<Tail>,
    recent: Recent,
    up: AtomicBool,
    has_answered: AtomicBool,
    /// Causes of the current outage that were logged, without digits.
    logged_causes: Mutex<BTreeSet<String>>,
    returned: Notify,
    look: Notify,
}

/// Maximum number of entries per read of the log.
const FOLLOW_BATCH: usize = 1_000;

/// Result of reading the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The end of the log was reached.
    ToTheEnd,
    /// There may be more entries.
    InPart,
    /// The log is not the one that was read before, so the catalog has to be read again.
    DifferentLog,
}

/// State in memory besides the catalog, as the store holds it.
pub(crate) struct Tables {
    pub(crate) edges: Arc<EdgeTable>,
    pub(crate) incidents: Arc<IncidentTable>,
    pub(crate) maintenance: Arc<MaintenanceTable>,
    pub(crate) instances: Instances,
}

impl Journal {
    pub(crate) fn new(
        stores: Stores,
        mirror: Mirror,
        Tables { edges, incidents, maintenance, instances }: Tables,
        sink: Arc<dyn ChangeSink>,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let up = AtomicBool::new(false);
        Self {
            stores,
            mirror,
            edges,
            instances,
            incidents,
            maintenance,
            sink,
            rejections: Rejections::new(metrics.clone(), Arc::clone(&clock)),
            acceptance: Acceptance::new(clock),
            metrics,
            writing: tokio::sync::Mutex::default(),
            turns: Turns::default(),
            calls: WaitingCalls::default(),
            tail: Mutex::default(),
            recent: Recent::default(),
            up,
            has_answered: AtomicBool::default(),
            logged_causes: Mutex::default(),
            returned: Notify::new(),
            look: Notify::new(),
        }
    }

    pub(crate) fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Returns the writes that the store rejected for good.
    pub(crate) fn rejections(&self) -> &Rejections {
        &self.rejections
    }

    /// Returns the newest changes that the registry reflects.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Reads the whole catalog into memory and follows the log from there. Returns the number of
    /// projects.
    pub(crate) async fn load(&self) -> Result<usize, StoreError> {
        // Read before the projects, so that a heartbeat heard meanwhile is not older than they say.
        let periods = self.listening_periods().await?;
        let snapshot = self.read_all().await?;
        // Read after the projects. Changes since then are in the log and are applied once more.
        let edges = self.note(self.edges.load(&*self.stores.edges, &periods).await)?;
        let instances = self.note(self.stores.instances.load_instances().await)?;
        self.load_incidents().await?;
        self.load_maintenance().await?;
        let (count, position) = (snapshot.projects.len(), position(&snapshot));
        self.metrics.set_corrupt_rows(snapshot.corrupt_rows);
        // No watcher exists before the registry is filled.
        self.recent.begin(position);
        self.edges.replace(edges);
        self.instances.fill(instances);
        self.mirror.fill(&periods, snapshot.projects);
        Ok(count)
    }

    /// Reads the listening periods of all sources.
    async fn listening_periods(&self) -> Result<Vec<ListeningPeriod>, StoreError> {
        let mut periods = Vec::new();
        for source in Source::ALL {
            let listening = &self.stores.listening;
            let read = listening.listening_periods(source, OffsetDateTime::UNIX_EPOCH).await;
            periods.extend(self.note(read)?);
        }
        Ok(periods)
    }

    async fn read_all(&self) -> Result<Snapshot, StoreError> {
        let snapshot = self.note(self.stores.catalog.load().await)?;
        self.tail.lock().start_at(position(&snapshot));
        Ok(snapshot)
    }

    /// Reads the whole catalog again after the log turned out to be a different one.
    pub(crate) async fn start_over(&self) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        let known = self.tail.lock().known();
        let snapshot = self.read_all().await?;
        let edges = self.note(self.edges.load_again(&*self.stores.edges).await)?;
        let instances = self.note(self.stores.instances.load_instances().await)?;
        self.load_incidents().await?;
        self.load_maintenance().await?;
        self.edges.replace(edges);
        self.instances.start_over(instances);
        self.mirror.start_over(&snapshot.projects);
        self.recent.begin(position(&snapshot));
        tracing::warn!(
            known.revision = known.0,
            stored.revision = snapshot.revision.0,
            "change log was replaced, because the database was restored or a standby took over \
             without the newest entries; catalog is read again"
        );
        Ok(())
    }

    /// Reads the changes of other replicas and mirrors the projects concerned.
    pub(crate) async fn follow(&self) -> Result<Followed, StoreError> {
        let _turn = self.writing.lock().await;
        let known = self.tail.lock().known();
        // The newest known entry is read again, because it shows whether this is still the same log.
        let before = Revision(known.0 - 1);
        let part = self.note(self.stores.change_log.changes_after(before, FOLLOW_BATCH).await)?;
        let continuation = self.tail.lock().continuation(&part);
        match continuation {
            Continuation::Same => {}
            Continuation::Elsewhere => return Ok(Followed::DifferentLog),
            Continuation::Replaced => {
                // Clients must notice it too, even those that connect after the log has grown.
                self.note(self.stores.change_log.renew_epoch(part.epoch).await)?;
                return Ok(Followed::DifferentLog);
            }
        }
        let entries = part.entries;
        let Some(last) = entries.last() else { return Ok(Followed::ToTheEnd) };
        entries.iter().filter(|entry| entry.revision() > known).for_each(report_unreadable);
        let foreign = self.foreign(known, &entries);
        if !foreign.is_empty() {
            let stored = self.note(self.stores.catalog.find(&foreign).await)?;
            let by_slug: HashMap<&Slug, &Project> =
                stored.iter().map(|project| (&project.slug, project)).collect();
            foreign.iter().for_each(|slug| self.mirror.learn(slug, by_slug.get(slug).copied()));
            let changed = self.foreign_versions(known, &entries);
            let changed = stored.iter().filter(|project| changed.contains(&project.slug));
            let changed: Vec<_> = changed.map(|project| project.id).collect();
            self.learn_instances(&changed).await?;
        }
        let starts = self.foreign_edges(known, &entries);
        if !starts.is_empty() {
            let claims = self.note(self.stores.edges.edges_from(&starts).await)?;
            self.edges.learn(&starts, claims);
        }
        self.learn_incidents(known, &entries).await?;
        self.learn_maintenance(known, &entries).await?;
        let is_part = entries.len() == FOLLOW_BATCH;
        self.tail.lock().read_through(last);
        self.show(entries.into_iter().filter_map(StoredEntry::into_entry).collect());
        Ok(if is_part { Followed::InPart } else { Followed::ToTheEnd })
    }

    /// Returns the projects that another process changed after a revision, each once.
    fn foreign(&self, known: Revision, entries: &[StoredEntry]) -> Vec<Slug> {
        let tail = self.tail.lock();
        let is_foreign =
            |entry: &&StoredEntry| entry.revision() > known && !tail.is_own(entry.revision());
        let foreign = entries.iter().filter(is_foreign);
        let slugs: BTreeSet<Slug> = foreign.filter_map(StoredEntry::slug).collect();
        slugs.into_iter().collect()
    }

    /// Requests a read of the log.
    pub(crate) fn request_poll(&self) {
        self.look.notify_one();
    }

    /// Waits for a request to read the log.
    pub(crate) async fn poll_requested(&self) {
        self.look.notified().await;
    }

    /// Removes a project. Returns `false` if the store has no such project.
    pub(crate) async fn remove(
        self: &Arc<Self>,
        slug: Slug,
        only_if: Precondition,
        actor: Actor,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let journal = Arc::clone(self);
        let place = self.note_client_write(self.turns.enter(1))?;
        run_to_completion(async move {
            let _place = place;
            let Some(_turn) = journal.turns.next(&journal.writing).await else {
                return journal.note_client_write(Err(StoreError::Busy(BusyWith::Writes)));
            };
            let removed = journal.stores.catalog.remove(&slug, &only_if, &actor, at).await;
            let removed =
                journal.note_write(removed).inspect_err(|error| journal.learn_from(error))?;
            let (id, change) = removed.unzip();
            journal.mirror.remove(id, &slug);
            if let Some(id) = id {
                journal.instances.forget(id);
            }
            journal.publish(change);
            Ok(id.is_some())
        })
        .await
    }

    /// Mirrors the project state contained in the error of a failed write.
    fn learn_from(&self, error: &StoreError) {
        if let StoreError::PreconditionFailed(failed) = error {
            self.mirror.learn_from(failed);
        }
    }

    /// Commits transitions. `apply` runs before the next write of this replica.
    pub(crate) async fn commit(
        &self,
        transitions: &[Transition],
        apply: impl FnOnce(&[Outcome]),
    ) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        let outcomes = self.note_write(self.stores.catalog.commit(transitions).await)?;
        apply(&outcomes);
        self.publish(outcomes.into_iter().filter_map(|outcome| match outcome {
            Outcome::Accepted(change) => change,
            Outcome::Stale(_) | Outcome::Gone | Outcome::Locked => None,
        }));
        Ok(())
    }

    /// Runs a write of a feature with entities of its own, then publishes the entries that the write
    /// logged. The feature has applied the result to its own state when the write returns, so a
    /// watcher that sees an entry can read its effect.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        write: impl Future<Output = Result<(T, Vec<LogEntry>), StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let journal = Arc::clone(self);
        run_to_completion(async move {
            let _turn = journal.writing.lock().await;
            let (written, entries) = journal.note_write(write.await)?;
            journal.publish(entries);
            Ok(written)
        })
        .await
    }

    fn publish(&self, entries: impl IntoIterator<Item: Into<LogEntry>>) {
        let entries: Vec<LogEntry> = entries.into_iter().map(Into::into).collect();
        for entry in &entries {
            self.metrics.changed(entry);
        }
        if !entries.is_empty() {
            if self.tail.lock().wrote(&entries) {
                self.request_poll();
            }
            self.sink.publish(&entries);
            self.show(entries);
        }
    }

    /// Shows entries to watchers once the registry reflects them and all earlier ones.
    fn show(&self, entries: Vec<LogEntry>) {
        let known = self.tail.lock().known();
        self.recent.take_in(entries, known);
    }
}

fn position(snapshot: &Snapshot) -> LogPosition {
    LogPosition { epoch: snapshot.epoch, revision: snapshot.revision }
}

/// Logs an entry that does not parse. Another program wrote it.
fn report_unreadable(entry: &StoredEntry) {
    if let StoredEntry::Unreadable { revision, fault, .. } = entry {
        let error = error_chain(fault);
        tracing::error!(
            change.revision = revision.0,
            error,
            "entry of the change log cannot be read"
        );
    }
}

/// Runs a write to its end even if the caller is dropped, as happens when a client disconnects.
/// Otherwise the store could hold a change that the mirror and the sink never receive.
async fn run_to_completion<T: Send + 'static>(
    write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(write).await.unwrap_or_else(|failed| Err(StoreError::Failed(failed.into())))
}
