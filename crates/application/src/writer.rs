//! Writer: stores status changes and checkpoints.

mod parts;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    Checkpoint, HeartbeatMark, Outcome, ProjectId, Prospect, StoreError, Transition, error_chain,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::entry::ProjectEntry;
use crate::journal::Journal;
use crate::presence::Presence;
use crate::queue::{Queued, TransitionQueue};
use crate::registry::Registry;
use crate::rejected_writes::RejectedWrite;
use parts::{Halves, HeldTransitions, halves, only_project};

/// Interval between checkpoints: the maximum lag of the stored `last_heartbeat_at`.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

/// Interval at which heartbeats that could not be relayed over the bus are stored for the other
/// replicas. Below the shortest usual heartbeat interval, 1 s.
const SHARE_INTERVAL: Duration = Duration::from_millis(500);

/// Maximum number of transitions per transaction: some tens of milliseconds.
const BATCH: usize = 1_000;
/// Maximum number of heartbeats per checkpoint statement. Its rows are locked for some tens of
/// milliseconds.
const CHECKPOINT_BATCH: usize = 2_000;
/// First and longest delay before a retry.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Treatment of a heartbeat that another replica stored with a slightly different time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tolerance {
    /// The heartbeat is stored again.
    None,
    /// The heartbeat counts as stored.
    OfReplicas,
}

/// Writes status changes and checkpoints. A process runs exactly one.
pub struct Writer {
    journal: Arc<Journal>,
    queue: Arc<TransitionQueue>,
    registry: Arc<Registry>,
    presence: Presence,
}

impl Writer {
    pub(crate) fn new(
        journal: Arc<Journal>,
        queue: Arc<TransitionQueue>,
        registry: Arc<Registry>,
        presence: Presence,
    ) -> Self {
        Self { journal, queue, registry, presence }
    }

    /// Writes until cancelled, then writes a last checkpoint.
    pub async fn run(self, cancel: CancellationToken) {
        let mut checkpoints = interval(CHECKPOINT_INTERVAL);
        checkpoints.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shares = interval(SHARE_INTERVAL);
        shares.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut backoff = BACKOFF.0;
        loop {
            let work = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                _ = checkpoints.tick() => self.checkpoint().await,
                _ = shares.tick() => self.store_unrelayed().await,
                () = self.queue.arrival() => self.flush().await,
            };
            // Failed transitions stay queued. Retry here, because no other event may arrive.
            let mut result = work;
            while let Err(error) = result {
                self.log_failure(&error);
                tokio::select! {
                    () = cancel.cancelled() => break,
                    () = tokio::time::sleep(backoff) => {}
                    () = self.journal.store_returned() => {}
                }
                backoff = (backoff * 2).min(BACKOFF.1);
                result = match self.store_unrelayed().await {
                    Ok(()) => self.flush().await,
                    Err(error) => Err(error),
                };
            }
            backoff = BACKOFF.0;
        }
        self.presence.transitions().release_all();
        if let Err(error) = self.checkpoint().await {
            let waiting = self.queue.len();
            tracing::error!(error = error_chain(&error), waiting, "last checkpoint failed");
        }
    }

    /// Commits all queued transitions. One that the store rejects for good is dropped, and one whose
    /// row another transaction holds stays queued.
    ///
    /// # Errors
    /// [`StoreError`]; transitions that were not committed stay queued in order.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mut held = HeldTransitions::default();
        let done = self.flush_into(&mut held).await;
        // They are older than everything else in the queue of their projects.
        self.queue.put_back(held.transitions);
        done
    }

    async fn flush_into(&self, held: &mut HeldTransitions) -> Result<(), StoreError> {
        loop {
            let batch = self.queue.take(BATCH);
            if batch.is_empty() {
                return Ok(());
            }
            let mut parts = self.parts_of(held.keep_back(batch));
            while let Some(part) = parts.pop() {
                match self.commit(&part).await {
                    Ok(locked) => held.add(part, locked),
                    Err(error) if error.prospect() == Prospect::Permanent => match halves(part) {
                        Halves::Two(first, second) => parts.extend([second, first]),
                        Halves::OneProject(rejected) => self.drop_rejected(&rejected, &error),
                    },
                    Err(error) => {
                        parts.push(part);
                        self.queue.put_back(parts.into_iter().rev().flatten().collect());
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Divides a batch into parts to commit one after the other, the last one first. Projects of
    /// which the store rejected a write before are on their own.
    fn parts_of(&self, batch: Vec<Queued>) -> Vec<Vec<Queued>> {
        let rejections = self.journal.rejections();
        let mut suspects: BTreeMap<ProjectId, Vec<Queued>> = BTreeMap::new();
        let mut trusted = Vec::with_capacity(batch.len());
        for queued in batch {
            let project = queued.transition.project;
            if rejections.suspects(project) {
                suspects.entry(project).or_default().push(queued);
            } else {
                trusted.push(queued);
            }
        }
        let mut parts: Vec<_> = suspects.into_values().collect();
        parts.extend((!trusted.is_empty()).then_some(trusted));
        parts
    }

    /// Drops the transitions of a project, because the store rejects them for good.
    fn drop_rejected(&self, rejected: &[Queued], error: &StoreError) {
        let Some(Queued { transition: Transition { project, slug, .. }, .. }) = rejected.first()
        else {
            return;
        };
        self.queue.decided(rejected);
        let rejections = self.journal.rejections();
        rejections.suspect(*project);
        rejections.report(RejectedWrite::StatusChange, slug.as_str(), error);
        if let Some(entry) = self.registry.get_by_id(*project) {
            self.presence.transitions().give_up(&entry, rejected);
        }
    }

    /// Commits transitions and returns the projects whose rows another transaction holds.
    async fn commit(&self, part: &[Queued]) -> Result<BTreeSet<ProjectId>, StoreError> {
        let transitions: Vec<_> = part.iter().map(|queued| queued.transition.clone()).collect();
        let mut locked = BTreeSet::new();
        let apply = |outcomes: &[Outcome]| {
            let each = part.iter().zip(outcomes);
            let is_locked = each.filter(|(_, outcome)| **outcome == Outcome::Locked);
            locked.extend(is_locked.map(|(queued, _)| queued.transition.project));
            self.queue.decided(part.iter().filter(|one| !locked.contains(&one.transition.project)));
            self.settle(part, outcomes);
        };
        self.journal.commit(&transitions, apply).await?;
        if let Some(project) = only_project(part).filter(|project| !locked.contains(project)) {
            self.journal.rejections().acquit(project);
        }
        Ok(locked)
    }

    /// Flushes, then stores the newest heartbeat of each project heard since the last checkpoint
    /// and the current listening period of each source.
    ///
    /// # Errors
    /// [`StoreError`]; heartbeats that were not stored are part of the next checkpoint.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        self.registry.for_each(|entry| {
            if entry.take_changed_reports() {
                self.presence.transitions().store_reported_health(entry);
            }
        });
        self.flush().await?;
        // Read before the heartbeats: a stored period must not end after a heartbeat that is not
        // stored with it.
        let listening_periods = self.presence.listening().snapshot().listening_periods();
        self.store_heard(Tolerance::OfReplicas).await?;
        let periods = Checkpoint { heartbeats: Vec::new(), listening_periods };
        match self.store(periods).await {
            Err(error) if error.prospect() == Prospect::Permanent => {
                self.journal.rejections().report(RejectedWrite::ListeningPeriods, "", &error);
                Ok(())
            }
            // Another replica is joining its periods. The next checkpoint has longer ones.
            Err(StoreError::Busy(_)) => Ok(()),
            stored => stored.map(drop),
        }
    }

    /// Stores the newest heartbeats if some could not be relayed over the bus, then flushes. The
    /// heartbeats are stored first, because another replica that did not receive them may be about
    /// to store a fall that they refute.
    ///
    /// # Errors
    /// See [`checkpoint`](Self::checkpoint).
    pub async fn store_unrelayed(&self) -> Result<(), StoreError> {
        let recorder = self.presence.recorder();
        if !recorder.take_unheard_relays() {
            // Rows that another transaction held may be free again.
            return if self.queue.len() > 0 { self.flush().await } else { Ok(()) };
        }
        self.store_heard(Tolerance::None).await.inspect_err(|_| recorder.keep_unheard_relays())?;
        self.flush().await
    }

    /// Stores the newest heartbeat of each project if the store lacks it.
    async fn store_heard(&self, tolerance: Tolerance) -> Result<(), StoreError> {
        let mut marks = Vec::new();
        self.registry.for_each(|entry| {
            if let Some((at, source)) = entry.unstored() {
                let tolerance = match tolerance {
                    Tolerance::None => Duration::ZERO,
                    Tolerance::OfReplicas => self.presence.judge().same_heartbeat_within(entry),
                };
                let mark = HeartbeatMark { project: entry.id, at, source, tolerance };
                marks.push((Arc::clone(entry), mark));
            }
        });
        let rejections = self.journal.rejections();
        marks.retain(|(_, mark)| !rejections.defers(mark.project));
        let is_suspect = |(_, mark): &(_, HeartbeatMark)| rejections.suspects(mark.project);
        let (suspects, trusted): (Vec<_>, Vec<_>) = marks.into_iter().partition(is_suspect);
        for marks in trusted.chunks(CHECKPOINT_BATCH).chain(suspects.chunks(1)) {
            self.store_marks(marks).await?;
            // Status changes do not wait for the rest of the checkpoint.
            self.flush().await?;
        }
        Ok(())
    }

    /// Stores heartbeats, except those that the store rejects for good.
    async fn store_marks(
        &self,
        marks: &[(Arc<ProjectEntry>, HeartbeatMark)],
    ) -> Result<(), StoreError> {
        let mut parts = vec![marks];
        while let Some(marks) = parts.pop() {
            let heartbeats = marks.iter().map(|(_, mark)| *mark).collect();
            let stored = self.store(Checkpoint { heartbeats, listening_periods: Vec::new() }).await;
            match (stored, marks) {
                (Err(error), [(entry, mark)]) if error.prospect() == Prospect::Permanent => {
                    let rejections = self.journal.rejections();
                    rejections.suspect(mark.project);
                    let slug = entry.lock().project.slug.to_string();
                    rejections.report(RejectedWrite::Heartbeat, &slug, &error);
                }
                (Err(error), _) if error.prospect() == Prospect::Permanent => {
                    let (first, rest) = marks.split_at(marks.len() / 2);
                    parts.extend([rest, first]);
                }
                (stored, _) => {
                    let skipped: BTreeSet<_> = stored?.into_iter().collect();
                    if let [(_, only)] = marks {
                        self.journal.rejections().acquit(only.project);
                    }
                    for (entry, mark) in marks {
                        if !skipped.contains(&mark.project) {
                            entry.stored(mark.at, mark.source);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn store(&self, checkpoint: Checkpoint) -> Result<Vec<ProjectId>, StoreError> {
        self.journal.note_write(self.journal.stores().checkpoints.checkpoint(&checkpoint).await)
    }

    /// Applies the outcomes of a batch. The last outcome of a project reflects its row.
    fn settle(&self, batch: &[Queued], outcomes: &[Outcome]) {
        let mut last: HashMap<ProjectId, (&Queued, &Outcome)> = HashMap::new();
        for (queued, outcome) in batch.iter().zip(outcomes) {
            last.insert(queued.transition.project, (queued, outcome));
        }
        let refused = last.iter().filter(|(_, (_, outcome))| matches!(outcome, Outcome::Stale(_)));
        let refused: HashSet<ProjectId> = refused.map(|(&project, _)| project).collect();
        let mut waiting = self.queue.withdraw(&refused);
        for (project, (queued, outcome)) in last {
            let Some(entry) = self.registry.get_by_id(project) else { continue };
            match outcome {
                Outcome::Accepted(_) => {
                    let transition = &queued.transition;
                    if let (Some(at), Some(source)) =
                        (transition.last_heartbeat_at, transition.last_heartbeat_source)
                    {
                        entry.stored(at, source);
                    }
                    entry.settle(queued.ticket);
                    self.presence.transitions().catch_up(&entry);
                }
                Outcome::Stale(stored) => {
                    let waiting = waiting.remove(&project).unwrap_or_default();
                    self.presence.reconciler().adopt(&entry, queued, waiting, stored);
                }
                Outcome::Gone => self.registry.remove(project),
                Outcome::Locked => {}
            }
        }
    }

    fn log_failure(&self, error: &StoreError) {
        let waiting = self.queue.len();
        if error.prospect() == Prospect::Temporary {
            tracing::debug!(
                error = error_chain(error),
                waiting,
                "store is unavailable; changes stay queued"
            );
        } else {
            tracing::error!(
                error = error_chain(error),
                waiting,
                "store refused changes; they stay queued"
            );
        }
    }
}
