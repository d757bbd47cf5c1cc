//! Storing runs, restoring the newest ones, and deleting expired ones.

use std::sync::atomic::Ordering;
use std::time::Duration;

use federation_domain::{ProjectId, SeriesRun, StoreError, Tier, error_chain};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::Series;
use crate::bisection::{RejectedItems, store_acceptable};
use crate::metrics::samples::RunLoss;

/// Interval between flushes. Only runs whose last window is over are stored.
pub const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Number of runs per call of the store: some tens of milliseconds.
const BATCH: usize = 5_000;
/// Number of projects per call that reads the newest runs.
const RESTORE_BATCH: usize = 200;
/// First and longest delay before the store is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// Interval between looks for days to roll up and runs to delete.
const DELETE_INTERVAL: Duration = Duration::from_secs(3_600);
/// Interval at which metric rules forget the projects that they do not apply to.
const SCOPES_INTERVAL: Duration = Duration::from_secs(10);
/// Deadline for storing what is left when the service stops.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// Selection of the runs to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Runs whose last window is over.
    Ended,
    /// All runs, because the service stops.
    All,
}

impl Series {
    /// Stores runs until cancelled, and then all that are left. Run exactly one.
    pub async fn run(self, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.restore_until_done() => {
                let work = self.clone();
                let announcing = self.announce_forever();
                let working = async { tokio::join!(work.flush_forever(), announcing) };
                cancel.run_until_cancelled(working).await;
            }
        }
        match timeout(LAST_FLUSH, self.flush_scope(Scope::All)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = error_chain(&error), "last metrics could not be stored");
            }
            Err(_) => tracing::warn!("last metrics could not be stored in time"),
        }
    }

    /// Reads the newest run of each series, and tries again until the store answers.
    async fn restore_until_done(&self) {
        let mut pause = BACKOFF.0;
        while let Err(error) = self.restore().await {
            self.note_outcome(Err(&error));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    async fn flush_forever(self) {
        let mut ticks = interval(FLUSH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut backoff = BACKOFF.0;
        let mut deletions = interval(DELETE_INTERVAL);
        deletions.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut scopes = interval(SCOPES_INTERVAL);
        scopes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = scopes.tick() => {
                    self.prune_rules().await;
                    continue;
                }
                _ = deletions.tick() => {
                    self.roll_up_and_delete().await;
                    continue;
                }
            }
            match self.flush().await {
                Ok(()) => backoff = BACKOFF.0,
                Err(_) => {
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF.1);
                }
            }
        }
    }

    /// Reads the newest run of each series of the catalog from the store, so that it is known after
    /// a restart.
    ///
    /// # Errors
    /// [`StoreError`]; the call may be repeated.
    pub async fn restore(&self) -> Result<(), StoreError> {
        let inner = &*self.0;
        let mut projects: Vec<ProjectId> = Vec::new();
        inner.registry.for_each(|entry| projects.push(entry.id));
        for projects in projects.chunks(RESTORE_BATCH) {
            let runs = inner.store.newest_runs(projects).await?;
            inner.table.restore(runs);
        }
        inner.is_restored.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Stores the runs that are complete or whose last window is over.
    ///
    /// # Errors
    /// [`StoreError`] if the store is not available; what was not stored stays in memory.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.flush_scope(Scope::Ended).await
    }

    async fn flush_scope(&self, scope: Scope) -> Result<(), StoreError> {
        let inner = &*self.0;
        let began_at = inner.clock.utc();
        loop {
            let completed = inner.waiting.take(BATCH);
            if !completed.is_empty() {
                if let Err((error, runs)) = self.store(completed).await {
                    self.count_lost(inner.waiting.put_back(runs));
                    return Err(error);
                }
                continue;
            }
            let now = (scope == Scope::Ended).then(|| inner.clock.utc());
            let live = inner.table.take_unstored(now, inner.settings.resolution, BATCH);
            if live.is_empty() {
                *inner.flushed_at.lock() = Some(began_at);
                self.set_levels();
                return Ok(());
            }
            if let Err((error, runs)) = self.store(live).await {
                let completed = inner.table.put_back(runs);
                self.count_lost(inner.waiting.push_all(completed));
                return Err(error);
            }
        }
    }

    /// Stores a batch. Runs that the store rejects for good are isolated, counted and given up.
    async fn store(&self, runs: Vec<SeriesRun>) -> Result<(), (StoreError, Vec<SeriesRun>)> {
        let inner = &*self.0;
        inner.in_flight.lock().clone_from(&runs);
        let stored = store_acceptable(&runs, |part| async move {
            inner.store.store_runs(Tier::Fine, &part).await
        });
        match stored.await {
            Ok(rejected) => {
                let is_all = rejected.places.len() == runs.len();
                self.note_outcome(match &rejected.first {
                    Some(error) if is_all => Err(error),
                    _ => Ok(()),
                });
                inner.in_flight.lock().clear();
                inner.counts.stored(runs.len() - rejected.places.len());
                self.note_rejected(&runs, &rejected);
                Ok(())
            }
            Err((error, decided)) => {
                self.note_outcome(Err(&error));
                self.set_levels();
                Err((error, runs.into_iter().skip(decided).collect()))
            }
        }
    }

    fn note_rejected(&self, runs: &[SeriesRun], rejected: &RejectedItems) {
        let (Some(error), Some(&place)) = (&rejected.first, rejected.places.first()) else {
            return;
        };
        let count = rejected.places.len();
        self.0.counts.lost(RunLoss::Rejected, count);
        let (project, metric) = (runs[place].project.0, runs[place].metric.as_str());
        tracing::error!(
            project.id = project,
            metric,
            count,
            error = error_chain(error),
            "store rejects metrics; they are dropped"
        );
    }

    fn count_lost(&self, runs: usize) {
        if runs > 0 {
            self.0.counts.lost(RunLoss::Overflow, runs);
        }
    }

    /// Logs the first failure of an outage and its end.
    fn note_outcome(&self, outcome: Result<(), &StoreError>) {
        let is_up = outcome.is_ok();
        let was_up = self.0.store_is_up.swap(is_up, Ordering::Relaxed);
        match outcome {
            Ok(()) if !was_up => tracing::info!("store accepts metrics again"),
            Err(error) if was_up => {
                tracing::warn!(error = error_chain(error), "store does not accept metrics");
            }
            _ => {}
        }
    }

    fn set_levels(&self) {
        let inner = &*self.0;
        let is_up = inner.store_is_up.load(Ordering::Relaxed);
        inner.counts.set_levels(inner.table.len(), inner.waiting.len(), is_up);
    }
}
