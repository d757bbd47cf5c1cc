//! The one way by which this process changes the store, and learns what others changed there.

mod registering;
mod tail;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use federation_domain::{
    CatalogStore, Change, ChangeSink, Listened, LogEntry, Outcome, Precondition, Project,
    ProjectId, Refusal, Revision, Slug, Snapshot, Source, StoreError, Transition, error_chain,
};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::changes::Recent;
use crate::metrics::Metrics;
use registering::WaitingCalls;
use tail::Tail;

/// Writes to the store one at a time and tells of the changes in their order.
///
/// The store makes writers of changes wait for each other anyway. Doing so here too means that
/// what follows a write (the registry, the sink) happens in the order of revisions.
pub(crate) struct Journal {
    store: Arc<dyn CatalogStore>,
    sink: Arc<dyn ChangeSink>,
    metrics: Metrics,
    writing: tokio::sync::Mutex<()>,
    calls: WaitingCalls,
    tail: Mutex<Tail>,
    recent: Recent,
    up: AtomicBool,
    has_answered: AtomicBool,
    returned: Notify,
    look: Notify,
}

/// How many changes of other replicas are read at once.
const FOLLOW_BATCH: usize = 1_000;

/// What came of reading on in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    /// All that there is was read.
    ToTheEnd,
    /// There may be more.
    InPart,
    /// It is not the log that was read so far; the catalog is to be read anew.
    ElsewhereThanBefore,
}

impl Journal {
    pub(crate) fn new(
        store: Arc<dyn CatalogStore>,
        sink: Arc<dyn ChangeSink>,
        metrics: Metrics,
    ) -> Self {
        let up = AtomicBool::new(false);
        Self {
            store,
            sink,
            metrics,
            writing: tokio::sync::Mutex::default(),
            calls: WaitingCalls::default(),
            tail: Mutex::default(),
            recent: Recent::default(),
            up,
            has_answered: AtomicBool::default(),
            returned: Notify::new(),
            look: Notify::new(),
        }
    }

    pub(crate) fn store(&self) -> &dyn CatalogStore {
        &*self.store
    }

    /// The newest changes, as far as the registry reflects them.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Reads the listening periods of all sources.
    pub(crate) async fn listening_periods(&self) -> Result<Vec<Listened>, StoreError> {
        let mut periods = Vec::new();
        for source in Source::ALL {
            let of_source = self.store.spells(source, OffsetDateTime::UNIX_EPOCH).await;
            periods.extend(self.note(of_source)?);
        }
        Ok(periods)
    }

    /// Reads the whole catalog, and follows the log from there on.
    pub(crate) async fn load(&self) -> Result<Snapshot, StoreError> {
        let snapshot = self.read_all().await?;
        // Nobody watches a registry that is not filled.
        self.recent.begin(snapshot.revision);
        Ok(snapshot)
    }

    async fn read_all(&self) -> Result<Snapshot, StoreError> {
        let snapshot = self.note(self.store.load().await)?;
        self.tail.lock().start_at(snapshot.revision);
        Ok(snapshot)
    }

    /// Reads the whole catalog anew, and lets `apply` bring it to the registry before anyone here
    /// writes.
    pub(crate) async fn start_over(
        &self,
        apply: impl FnOnce(&[Project]),
    ) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        let known = self.tail.lock().known();
        let snapshot = self.read_all().await?;
        apply(&snapshot.projects);
        self.recent.begin(snapshot.revision);
        tracing::warn!(
            known.revision = known.0,
            stored.revision = snapshot.revision.0,
            "the change log is not the one that was followed: the database was restored, or a \
             standby took over that lacked the end; the catalog was read anew"
        );
        Ok(())
    }

    /// Reads what other replicas changed, and lets `learn` bring each project, as it is stored
    /// now, to the registry before anyone here writes.
    pub(crate) async fn follow(
        &self,
        learn: impl Fn(&Slug, Option<&Project>),
    ) -> Result<Followed, StoreError> {
        let _turn = self.writing.lock().await;
        let known = self.tail.lock().known();
        // The newest known one is read again: it shows whether this still is the same log.
        let before = Revision(known.0 - 1);
        let entries = self.note(self.store.changes_after(before, FOLLOW_BATCH).await)?;
        if !self.tail.lock().is_continued_by(&entries) {
            return Ok(Followed::ElsewhereThanBefore);
        }
        let Some(last) = entries.last() else { return Ok(Followed::ToTheEnd) };
        entries.iter().filter(|entry| entry.revision() > known).for_each(tell_of_unreadable);
        let foreign = self.foreign(known, &entries);
        if !foreign.is_empty() {
            let stored = self.note(self.store.find(&foreign).await)?;
            let by_slug: HashMap<&Slug, &Project> =
                stored.iter().map(|project| (&project.slug, project)).collect();
            foreign.iter().for_each(|slug| learn(slug, by_slug.get(slug).copied()));
        }
        let is_part = entries.len() == FOLLOW_BATCH;
        self.tail.lock().read_through(last);
        self.show(entries.into_iter().filter_map(LogEntry::into_change).collect());
        Ok(if is_part { Followed::InPart } else { Followed::ToTheEnd })
    }

    /// Whose changes after a revision another process wrote, each project once.
    fn foreign(&self, known: Revision, entries: &[LogEntry]) -> Vec<Slug> {
        let tail = self.tail.lock();
        let is_foreign =
            |entry: &&LogEntry| entry.revision() > known && !tail.is_own(entry.revision());
        let foreign = entries.iter().filter(is_foreign);
        let slugs: BTreeSet<&Slug> = foreign.filter_map(LogEntry::slug).collect();
        slugs.into_iter().cloned().collect()
    }

    /// Says that there may be something to follow.
    pub(crate) fn look_for_changes(&self) {
        self.look.notify_one();
    }

    /// Waits until somebody says so.
    pub(crate) async fn told_to_look(&self) {
        self.look.notified().await;
    }

    /// Removes, and lets `apply` bring the result, or what the store says instead where it refuses,
    /// to the registry before anyone else writes; none when the store has no such project.
    pub(crate) async fn remove(
        self: &Arc<Self>,
        slug: Slug,
        only_if: Precondition,
        at: OffsetDateTime,
        apply: impl FnOnce(Result<Option<ProjectId>, &Refusal>) + Send + 'static,
    ) -> Result<bool, StoreError> {
        let journal = Arc::clone(self);
        whole(async move {
            let _turn = journal.writing.lock().await;
            let removed = journal.note(journal.store.remove_if(&slug, &only_if, at).await);
            let removed = removed.map(Option::unzip);
            tell(removed.as_ref().map(|(id, _)| *id), apply);
            let (id, change) = removed?;
            journal.publish(change);
            Ok(id.is_some())
        })
        .await
    }

    /// Commits transitions, likewise.
    pub(crate) async fn commit(
        &self,
        transitions: &[Transition],
        apply: impl FnOnce(&[Outcome]),
    ) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        let outcomes = self.note(self.store.commit(transitions).await)?;
        apply(&outcomes);
        self.publish(outcomes.into_iter().filter_map(|outcome| match outcome {
            Outcome::Accepted(change) => change,
            Outcome::Stale(_) | Outcome::Gone => None,
        }));
        Ok(())
    }

    /// Notes whether the store answered, for the metrics, and says so once when that changes.
    pub(crate) fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let up = !result.as_ref().is_err_and(StoreError::is_unavailable);
        if self.up.swap(up, Ordering::Relaxed) != up {
            self.metrics.set_store(up);
            if up {
                self.returned.notify_one();
                if self.has_answered.swap(true, Ordering::Relaxed) {
                    tracing::info!("store answers again");
                } else {
                    tracing::debug!("store answers");
                }
            } else {
                tracing::warn!("store is unavailable; changes wait, queries go on");
            }
        }
        result
    }

    /// Waits until somebody's call finds that the store answers again.
    pub(crate) async fn store_returned(&self) {
        self.returned.notified().await;
    }

    fn publish(&self, changes: impl IntoIterator<Item = Change>) {
        let changes: Vec<Change> = changes.into_iter().collect();
        for change in &changes {
            self.metrics.changed(change.kind);
        }
        if !changes.is_empty() {
            if self.tail.lock().wrote(&changes) {
                self.look_for_changes();
            }
            self.sink.publish(&changes);
            self.show(changes);
        }
    }

    /// Shows changes to watchers once the registry reflects them and all before them.
    fn show(&self, changes: Vec<Change>) {
        let known = self.tail.lock().known();
        self.recent.take_in(changes, known);
    }
}

/// Says in the log, once, which entry does not parse: another version may have written it.
fn tell_of_unreadable(entry: &LogEntry) {
    if let LogEntry::Unreadable { revision, fault, .. } = entry {
        let error = error_chain(fault);
        tracing::error!(change.revision = revision.0, error, "a change cannot be read");
    }
}

/// Hands on what the store did, or knows better; none for other errors, which say nothing of any
/// project.
fn tell<T, R>(
    done: Result<T, &StoreError>,
    apply: impl FnOnce(Result<T, &Refusal>) -> R,
) -> Option<R> {
    match done {
        Ok(done) => Some(apply(Ok(done))),
        Err(StoreError::Refused(refusal)) => Some(apply(Err(refusal))),
        Err(_) => None,
    }
}

/// Runs a turn to its end even if the caller goes away, as one does whose connection breaks:
/// otherwise the store might have a change that the registry and the sink never learn of.
async fn whole<T: Send + 'static>(
    turn: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(turn).await.unwrap_or_else(|failed| Err(StoreError::Failed(failed.into())))
}
