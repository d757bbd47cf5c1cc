//! Actions: requests to many projects at once.
//!
//! - [`Actions`] creates, shows and cancels runs.
//! - [`ActionRunner`] drives the runs that this replica holds the lease of. A process runs exactly
//!   one. Each run has a `RunDriver`, which decides, records, sends, and stores the outcomes.
//!
//! A run belongs to one replica at a time. What a replica is about to ask is recorded before it is
//! sent, so a replica that takes a run over knows which targets may have been asked.

mod board;
mod driver;
mod error;
mod in_flight;
mod plan;
mod runner;
mod shared;
#[cfg(test)]
mod tests;
mod unstored;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use federation_domain::{
    ActionDecision, ActionOrder, ActionRights, ActionRun, ActionSubjects, ActionTarget,
    ActionTransport, Actor, CreatedRun, IDEMPOTENCY_RETENTION, IdempotencyKey, MAX_RUNS, NewRun,
    OutcomeCounts, RunFilter, RunId, RunStatus, Slug, TargetSelection,
};

use crate::service::Service;
use shared::Shared;

pub use error::ActionError;
pub use plan::PlannedTarget;
pub use runner::ActionRunner;

/// Dependencies of fan-out. Without them, runs can only be read.
pub struct Fanout {
    /// Carries requests and replies.
    pub transport: Arc<dyn ActionTransport>,
    /// Subjects of actions.
    pub subjects: ActionSubjects,
}

/// The runs of actions. Cheap to clone.
#[derive(Clone)]
pub struct Actions(Arc<Shared>);

/// Request for a run.
#[derive(Debug, Clone)]
pub struct NewAction {
    /// Action, parameters and limits.
    pub order: ActionOrder,
    /// Selection of the projects.
    pub targets: TargetSelection,
    /// Originator of the run.
    pub actor: Actor,
    /// The key of the request and the digest of its body, if the client sent a key.
    pub request: Option<(IdempotencyKey, String)>,
}

impl Actions {
    /// Wires the use case. `rights` is `None` if the service has no API keys.
    #[must_use]
    pub fn new(
        service: &Service,
        fanout: Option<Fanout>,
        rights: Option<Arc<dyn ActionRights>>,
    ) -> Self {
        Self(Arc::new(Shared::new(service, fanout, rights)))
    }

    /// Creates the runner. Run exactly one.
    #[must_use]
    pub fn runner(&self) -> ActionRunner {
        ActionRunner::new(Arc::clone(&self.0))
    }

    /// Decides about every selected project without asking any.
    ///
    /// # Errors
    /// Returns [`ActionError`].
    pub async fn plan(&self, new: NewAction) -> Result<Vec<PlannedTarget>, ActionError> {
        let shared = Arc::clone(&self.0);
        let plan = move || plan::plan(&shared, &new.order, &new.targets, &new.actor);
        // It looks at the whole catalog.
        match tokio::task::spawn_blocking(plan).await {
            Ok(planned) => planned,
            Err(failed) => {
                Err(ActionError::Store(federation_domain::StoreError::Failed(failed.into())))
            }
        }
    }

    /// Creates a run. When this returns, the run is durable, and the runner of a replica drives it.
    ///
    /// Returns the run and `true`, or the run of an earlier request with the same key and `false`.
    ///
    /// # Errors
    /// Returns [`ActionError`]. No project is asked.
    pub async fn create(&self, new: NewAction) -> Result<(ActionRun, bool), ActionError> {
        let planned = self.plan(new.clone()).await?;
        let now = self.0.now();
        let targets: Vec<ActionTarget> = planned
            .into_iter()
            .map(|planned| {
                let mut target = ActionTarget::waiting(planned.project);
                if let ActionDecision::Skip(reason) = planned.decision {
                    target.skip(&reason, now);
                }
                target
            })
            .collect();
        let mut counts = OutcomeCounts::default();
        for target in &targets {
            counts.add(target.outcome, false, 1);
        }
        let run = ActionRun {
            id: RunId::new(now, random()),
            order: new.order,
            status: RunStatus::Running,
            actor: new.actor,
            created_at: now,
            ended_at: None,
            counts,
        };
        let new = NewRun { run: run.clone(), targets, request: new.request };
        let created = self.store(new).await?;
        match created {
            CreatedRun::New(_) => {
                self.0.metrics().action_created(&run.counts);
                self.0.wake.notify_one();
                Ok((run, true))
            }
            CreatedRun::Existing(id) => Ok((self.find(id).await?, false)),
            CreatedRun::KeyReused => Err(ActionError::KeyReused),
            CreatedRun::TooMany => Err(ActionError::TooManyRuns),
        }
    }

    async fn store(&self, new: NewRun) -> Result<CreatedRun, ActionError> {
        let stores = Arc::clone(&self.0.stores().actions);
        let keys_since = new.run.created_at - IDEMPOTENCY_RETENTION;
        let write = async move {
            let created = stores.create_run(&new, MAX_RUNS, keys_since).await?;
            let entries = match &created {
                CreatedRun::New(entry) => vec![entry.clone()],
                _ => Vec::new(),
            };
            Ok((created, entries))
        };
        self.0.journal.write(write).await.map_err(ActionError::Store)
    }

    /// Returns a run.
    ///
    /// # Errors
    /// Returns [`ActionError::NotFound`] or [`ActionError::Store`].
    pub async fn find(&self, id: RunId) -> Result<ActionRun, ActionError> {
        let found = self.0.stores().client_reads.actions.find_run(id).await;
        let found = self.0.journal.note_client_read(found).map_err(ActionError::Store)?;
        found.ok_or(ActionError::NotFound(id))
    }

    /// Returns runs, newest first.
    ///
    /// # Errors
    /// Returns [`ActionError::Store`].
    pub async fn list(
        &self,
        filter: &RunFilter,
        limit: usize,
    ) -> Result<Vec<ActionRun>, ActionError> {
        let listed = self.0.stores().client_reads.actions.list_runs(filter, limit).await;
        self.0.journal.note_client_read(listed).map_err(ActionError::Store)
    }

    /// Returns targets of a run, in order of their slugs, after one of them.
    ///
    /// # Errors
    /// Returns [`ActionError::Store`].
    pub async fn targets(
        &self,
        id: RunId,
        after: Option<Slug>,
        limit: usize,
    ) -> Result<Vec<ActionTarget>, ActionError> {
        let read = self.0.stores().client_reads.actions.run_targets(id, after, limit).await;
        self.0.journal.note_client_read(read).map_err(ActionError::Store)
    }

    /// Cancels a run: no further project is asked. Replies of those that were asked are still
    /// awaited. A run that has ended is unchanged.
    ///
    /// # Errors
    /// Returns [`ActionError::NotFound`], [`ActionError::Refused`] if the actor may not request the
    /// action, or [`ActionError::Store`].
    pub async fn cancel(&self, id: RunId, actor: Actor) -> Result<ActionRun, ActionError> {
        let action = self.find(id).await?.order.action;
        if let Some(reason) = self.0.refusal(&actor, &action, None) {
            return Err(ActionError::Refused(reason));
        }
        let (stores, at) = (Arc::clone(&self.0.stores().actions), self.0.now());
        let write = async move {
            let cancelled = stores.cancel_run(id, &actor, at).await?;
            let (run, entry) = cancelled.unzip();
            Ok((run, entry.flatten().into_iter().collect()))
        };
        let run = self.0.journal.write(write).await.map_err(ActionError::Store)?;
        self.0.cancel(id);
        run.ok_or(ActionError::NotFound(id))
    }
}

/// Returns a random number, seeded by the operating system.
fn random() -> u128 {
    let half = || u128::from(RandomState::new().hash_one(0));
    (half() << 64) | half()
}
