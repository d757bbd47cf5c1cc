//! Writer: stores status changes and checkpoints.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{Checkpoint, HeartbeatMark, Outcome, ProjectId, StoreError, error_chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::entry::ProjectEntry;
use crate::journal::Journal;
use crate::presence::Presence;
use crate::queue::{Queued, TransitionQueue};
use crate::registry::Registry;

/// Interval between checkpoints: the maximum lag of the stored `last_heartbeat_at`.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

/// Interval at which heartbeats that could not be relayed over the bus are stored for the other
/// replicas. Below the shortest usual heartbeat interval, 1 s.
const SHARE_INTERVAL: Duration = Duration::from_millis(500);

/// Maximum number of transitions per transaction: some tens of milliseconds.
const BATCH: usize = 1_000;
/// Maximum number of heartbeats per checkpoint statement.
const CHECKPOINT_BATCH: usize = 20_000;
/// First and longest delay before a retry.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

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
        if let Err(error) = self.checkpoint().await {
            let waiting = self.queue.len();
            tracing::error!(error = error_chain(&error), waiting, "last checkpoint failed");
        }
    }

    /// Commits all queued transitions.
    ///
    /// # Errors
    /// [`StoreError`]; transitions that were not committed stay queued in order.
    pub async fn flush(&self) -> Result<(), StoreError> {
        loop {
            let batch = self.queue.take(BATCH);
            if batch.is_empty() {
                return Ok(());
            }
            let transitions: Vec<_> =
                batch.iter().map(|queued| queued.transition.clone()).collect();
            let apply = |outcomes: &[Outcome]| {
                self.queue.decided(&batch);
                self.settle(&batch, outcomes);
            };
            if let Err(error) = self.journal.commit(&transitions, apply).await {
                self.queue.put_back(batch);
                return Err(error);
            }
        }
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
        self.store_heard().await?;
        self.store(Checkpoint { heartbeats: Vec::new(), listening_periods }).await
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
            return Ok(());
        }
        self.store_heard().await.inspect_err(|_| recorder.keep_unheard_relays())?;
        self.flush().await
    }

    /// Stores the newest heartbeat of each project if the store lacks it.
    async fn store_heard(&self) -> Result<(), StoreError> {
        let mut marks = Vec::new();
        self.registry.for_each(|entry| {
            if let Some((at, source)) = entry.unstored() {
                let mark = HeartbeatMark { project: entry.id, at, source };
                marks.push((Arc::clone(entry), mark));
            }
        });
        for marks in marks.chunks(CHECKPOINT_BATCH) {
            self.store_marks(marks).await?;
        }
        Ok(())
    }

    async fn store_marks(
        &self,
        marks: &[(Arc<ProjectEntry>, HeartbeatMark)],
    ) -> Result<(), StoreError> {
        let heartbeats = marks.iter().map(|(_, mark)| *mark).collect();
        self.store(Checkpoint { heartbeats, listening_periods: Vec::new() }).await?;
        for (entry, mark) in marks {
            entry.stored(mark.at, mark.source);
        }
        Ok(())
    }

    async fn store(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        self.journal.note(self.journal.stores().checkpoints.checkpoint(&checkpoint).await)
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
            }
        }
    }

    fn log_failure(&self, error: &StoreError) {
        let waiting = self.queue.len();
        if error.is_unavailable() {
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
