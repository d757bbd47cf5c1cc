//! Ports of actions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::action::{
    ActionName, ActionOrder, ActionReply, ActionRun, ActionTarget, IdempotencyKey, RunId, RunStatus,
};
use crate::error::StoreError;
use crate::log::{Actor, LogEntry};
use crate::values::{MeshNamespace, Slug};

/// A run before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The run. Its counts are those of the targets.
    pub run: ActionRun,
    /// Its targets, each project once, in order. Some may have ended already.
    pub targets: Vec<ActionTarget>,
    /// The key of the request and the digest of its body, if the client sent a key.
    pub request: Option<(IdempotencyKey, String)>,
}

/// Outcome of creating a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreatedRun {
    /// The run was created.
    New(LogEntry),
    /// The same actor has sent the same request with the same key before.
    Existing(RunId),
    /// The same actor has used the key for another request.
    KeyReused,
    /// Too many runs are in progress.
    TooMany,
}

/// Selects runs for a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFilter {
    /// Runs of this action.
    pub action: Option<ActionName>,
    /// Runs with one of these statuses; empty allows any.
    pub statuses: Vec<RunStatus>,
    /// Runs created by this actor.
    pub actor: Option<Actor>,
    /// Runs that are older than this one.
    pub before: Option<RunId>,
}

/// Lease on a run: its owner, the time, and the time at which the lease expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLease {
    /// The replica.
    pub owner: String,
    /// Now.
    pub now: OffsetDateTime,
    /// Expiry of the lease.
    pub until: OffsetDateTime,
}

/// The durable runs of actions and their targets.
///
/// A run belongs to the replica that holds its lease. Calls with an owner MUST change nothing if the
/// run belongs to another owner, whatever the time, because the lease may have been taken over.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ActionStore: Send + Sync {
    /// Creates a run, unless `max_runs` others are in progress or the key of its request is known.
    ///
    /// An implementation MUST forget keys that are older than `keys_since`, MUST log the creation in
    /// the same transaction, and MUST serialize calls with those of other replicas.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn create_run(
        &self,
        new: &NewRun,
        max_runs: usize,
        keys_since: OffsetDateTime,
    ) -> Result<CreatedRun, StoreError>;

    /// Returns a run.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn find_run(&self, id: RunId) -> Result<Option<ActionRun>, StoreError>;

    /// Returns at most `limit` runs, newest first.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn list_runs(
        &self,
        filter: &RunFilter,
        limit: usize,
    ) -> Result<Vec<ActionRun>, StoreError>;

    /// Returns at most `limit` targets of a run, in order of their slugs, after one of them.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn run_targets(
        &self,
        id: RunId,
        after: Option<Slug>,
        limit: usize,
    ) -> Result<Vec<ActionTarget>, StoreError>;

    /// Takes or renews the lease on each run in progress that has no owner, whose lease has expired,
    /// or that belongs to this owner. Returns these runs.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn lease_runs(&self, lease: &RunLease) -> Result<Vec<ActionRun>, StoreError>;

    /// Records that targets are about to be asked, if they wait. Returns those for which it is
    /// recorded, also by an earlier call with the same time.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Whether it was recorded is not known.
    async fn record_dispatch(
        &self,
        id: RunId,
        owner: &str,
        projects: &[Slug],
        at: OffsetDateTime,
    ) -> Result<Vec<Slug>, StoreError>;

    /// Stores targets as they are now, except those that have an outcome in the store. Returns
    /// `false` if the run belongs to another owner.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn store_targets(
        &self,
        id: RunId,
        owner: &str,
        targets: &[ActionTarget],
    ) -> Result<bool, StoreError>;

    /// Cancels a run in progress and logs that. Returns the run as it is then, or `None` if there is
    /// no such run. A run that has ended or was cancelled before is unchanged.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn cancel_run(
        &self,
        id: RunId,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<Option<(ActionRun, Option<LogEntry>)>, StoreError>;

    /// Logs the progress of a run, or ends it if every target has an outcome in the store. Returns
    /// `None` if the run belongs to another owner or has ended.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn advance_run(
        &self,
        id: RunId,
        owner: &str,
        at: OffsetDateTime,
    ) -> Result<Option<(ActionRun, LogEntry)>, StoreError>;

    /// Deletes at most `limit` runs that ended before a time, with their targets, and keys of
    /// requests that are older. Returns the number of runs.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn drop_runs(&self, before: OffsetDateTime, limit: usize) -> Result<usize, StoreError>;
}

/// A request to a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRequest {
    /// The run.
    pub run: RunId,
    /// The project.
    pub project: Slug,
    /// Its namespace.
    pub namespace: MeshNamespace,
    /// Subject within the namespace.
    pub subject: Arc<str>,
    /// Action, parameters and limits.
    pub order: Arc<ActionOrder>,
    /// Time of the request.
    pub at: OffsetDateTime,
}

impl ActionRequest {
    /// Returns the time for which the project may take to send its result.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.order.timeout.get()
    }
}

/// Receives replies. It knows from the ticket which target a reply belongs to.
pub trait ReplySink: Send + Sync {
    /// Takes a reply. An implementation MUST NOT block.
    fn take(&self, ticket: u64, reply: ActionReply);
}

/// Carries requests to projects and their replies back.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait ActionTransport: Send + Sync {
    /// Returns a number that changes with each loss of the connection, or `None` while there is no
    /// connection. Replies to a request may have been lost if the number is not that of its sending.
    fn connection(&self) -> Option<u64>;

    /// Sends a request without waiting. Replies to it go to `replies` with the ticket until
    /// [`close`](Self::close). Returns `false` if the request was certainly not sent.
    ///
    /// An implementation MUST pass on only replies that arrive at the address given to this project.
    fn send(&self, request: &ActionRequest, ticket: u64, replies: &Arc<dyn ReplySink>) -> bool;

    /// Ignores further replies to these tickets.
    fn close(&self, tickets: &[u64]);
}

/// Rights of the actors of runs.
pub trait ActionRights: Send + Sync {
    /// Returns the reason why the actor may not request this action now, if it may not. `project` is
    /// `None` to ask about the action itself.
    fn refusal(&self, actor: &Actor, action: &ActionName, project: Option<&Slug>)
    -> Option<String>;
}
