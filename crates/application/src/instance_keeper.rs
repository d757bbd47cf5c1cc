//! Keeper of the facts about instances: stores changed ones.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{Actor, SeenInstance, StoreError, error_chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::bisection::store_acceptable;
use crate::catalog::Catalog;
use crate::instances::Instances;
use crate::journal::Journal;

/// Maximum number of projects per transaction.
const WRITTEN_AT_ONCE: usize = 1_000;

/// Interval at which waiting changes are looked at.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Stores changed facts. A process runs exactly one.
pub struct InstanceKeeper {
    instances: Instances,
    journal: Arc<Journal>,
    catalog: Catalog,
    /// The last failure of the store was logged.
    is_logged: bool,
}

impl InstanceKeeper {
    pub(crate) fn new(instances: Instances, journal: Arc<Journal>, catalog: Catalog) -> Self {
        Self { instances, journal, catalog, is_logged: false }
    }

    /// Stores changes until cancelled, then once more.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut retries = interval(RETRY_EVERY);
        retries.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                () = self.instances.changed(), if !self.is_logged => {}
                _ = retries.tick() => {}
            }
            let stored = self.step().await;
            self.note(stored);
        }
        let stored = self.step().await;
        self.note(stored);
    }

    /// Stores the changes that may be written now.
    ///
    /// # Errors
    /// Returns [`StoreError`]; what was not stored waits for the next call.
    pub async fn step(&self) -> Result<(), StoreError> {
        loop {
            let now = self.catalog.now();
            let due = self.instances.due(now, WRITTEN_AT_ONCE);
            let Some((_, actor)) = due.first().cloned() else {
                self.instances.tidy(now, self.catalog.registry());
                return Ok(());
            };
            let of_actor = due.into_iter().filter(|(_, of)| *of == actor);
            let seen: Vec<SeenInstance> = of_actor.map(|(one, _)| one).collect();
            self.write(&seen, &actor, now).await?;
        }
    }

    async fn write(
        &self,
        seen: &[SeenInstance],
        actor: &Actor,
        now: time::OffsetDateTime,
    ) -> Result<(), StoreError> {
        let journal = &self.journal;
        let stored = store_acceptable(seen, |part| journal.write_instances(part, actor.clone()));
        match stored.await {
            Ok(rejected) => {
                self.instances.settle(seen, now);
                if let (Some(error), Some(&place)) = (rejected.first, rejected.places.first()) {
                    let (project, error) = (seen[place].project.0, error_chain(&error));
                    let count = rejected.places.len();
                    tracing::error!(
                        project.id = project,
                        count,
                        error,
                        "store rejects facts of instances"
                    );
                }
                Ok(())
            }
            Err((error, done)) => {
                self.instances.settle(&seen[..done], now);
                Err(error)
            }
        }
    }

    /// Logs an outage once.
    fn note(&mut self, stored: Result<(), StoreError>) {
        match stored {
            Ok(()) => self.is_logged = false,
            Err(error) => {
                let error = error_chain(&error);
                if self.is_logged {
                    tracing::debug!(error, "facts of instances still cannot be stored");
                } else {
                    tracing::warn!(
                        error,
                        "facts of instances cannot be stored; they wait in memory"
                    );
                }
                self.is_logged = true;
            }
        }
    }
}
