//! Runner: drives the runs that this replica holds the lease of.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    ActionRun, Monotonic, RUN_RETENTION, RunLease, RunStatus, StoreError, error_chain,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::driver::RunDriver;
use super::random;
use super::shared::Shared;
use super::unstored::pending_targets;

/// Time for which a lease is valid.
const LEASE: Duration = Duration::from_secs(15);

/// Interval at which leases are renewed, and free runs are taken.
const LEASE_EVERY: Duration = Duration::from_secs(5);

/// Interval at which old runs are deleted, and the number of runs deleted at once.
const DROP_EVERY: Duration = Duration::from_secs(600);
const DROPPED_AT_ONCE: usize = 10;

/// Drives runs. A process runs exactly one.
pub struct ActionRunner {
    shared: Arc<Shared>,
    owner: Arc<str>,
    dropped: Option<Monotonic>,
}

impl ActionRunner {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let owner = format!("{:032x}", random()).into();
        Self { shared, owner, dropped: None }
    }

    /// Drives runs until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut drivers = JoinSet::new();
        loop {
            match self.take_runs().await {
                Ok(taken) => {
                    for driver in taken {
                        drivers.spawn(driver.run(cancel.clone()));
                    }
                }
                Err(error) => {
                    tracing::debug!(error = error_chain(&error), "leases of runs are not renewed");
                }
            }
            if let Err(error) = self.drop_old().await {
                tracing::debug!(error = error_chain(&error), "old runs are not deleted");
            }
            self.shared.metrics().set_actions_in_flight(self.shared.asked());
            tokio::select! {
                () = cancel.cancelled() => break,
                () = self.shared.wake.notified() => {}
                Some(ended) = drivers.join_next() => if let Err(error) = ended {
                    tracing::error!(%error, "driver of a run failed");
                },
                () = tokio::time::sleep(LEASE_EVERY) => {}
            }
        }
        while drivers.join_next().await.is_some() {}
    }

    /// Renews leases, and takes runs that no replica drives.
    pub(super) async fn take_runs(&self) -> Result<Vec<RunDriver>, StoreError> {
        let now = self.shared.now();
        let lease = RunLease { owner: self.owner.to_string(), now, until: now + LEASE };
        let leased = self.shared.stores().actions.lease_runs(&lease).await;
        let leased = self.shared.journal.note(leased)?;
        let ids: Vec<_> = leased.iter().map(|run| run.id).collect();
        self.shared.keep_only(&ids);
        let mut taken = Vec::new();
        for run in leased {
            if run.status == RunStatus::Cancelling {
                self.shared.cancel(run.id);
            }
            taken.extend(self.take(run).await?);
        }
        Ok(taken)
    }

    async fn take(&self, run: ActionRun) -> Result<Option<RunDriver>, StoreError> {
        let Some(signals) = self.shared.begin(run.id) else { return Ok(None) };
        let targets = pending_targets(self.shared.stores().actions.as_ref(), run.id).await;
        let targets = self.shared.journal.note(targets).inspect_err(|_| self.shared.end(run.id))?;
        let (shared, owner) = (Arc::clone(&self.shared), Arc::clone(&self.owner));
        Ok(Some(RunDriver::new(shared, signals, owner, run, targets)))
    }

    /// Deletes old runs from time to time.
    async fn drop_old(&mut self) -> Result<(), StoreError> {
        let now = self.shared.monotonic();
        if self.dropped.is_some_and(|dropped| now.since(dropped) < DROP_EVERY) {
            return Ok(());
        }
        let before = self.shared.now() - RUN_RETENTION;
        let dropped = self.shared.stores().actions.drop_runs(before, DROPPED_AT_ONCE).await?;
        if dropped < DROPPED_AT_ONCE {
            self.dropped = Some(now);
        }
        Ok(())
    }
}
