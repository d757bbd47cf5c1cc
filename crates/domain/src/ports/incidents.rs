//! Port of the incidents.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::change::Revision;
use crate::error::StoreError;
use crate::incident::{
    IncidentChange, IncidentEdit, IncidentEditError, IncidentId, LiveIncident, LiveIncidents,
};
use crate::log::{Actor, LogEntry, LogPosition, StoredEntry};
use crate::notification::NewNotification;

/// Number that grows with each write of incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct IncidentsVersion(pub i64);

/// Claim of one replica to evaluate the rules about incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluatorClaim {
    /// The replica: 1 to 100 characters.
    pub owner: String,
    /// Time of the claim.
    pub now: OffsetDateTime,
    /// Time until which no other replica may evaluate.
    pub until: OffsetDateTime,
}

/// State that the evaluators share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluatorState {
    /// Number of the next incident.
    pub next_id: IncidentId,
    /// Version of the incidents.
    pub version: IncidentsVersion,
    /// Position in the log up to which everything was evaluated; `None` at first.
    pub cursor: Option<LogPosition>,
}

/// The incidents that decisions depend on, and their version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncidentsSnapshot {
    /// The incidents.
    pub incidents: LiveIncidents,
    /// Version of the incidents, or an older one.
    pub version: IncidentsVersion,
}

/// Result of evaluating the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentWrite {
    /// Version that the decision is based on.
    pub known: IncidentsVersion,
    /// Number of the next incident, after the changes.
    pub next_id: IncidentId,
    /// The changes.
    pub changes: Vec<IncidentChange>,
    /// Notifications about the changes, for the outbox.
    pub notifications: Vec<NewNotification>,
    /// Position in the log up to which everything was evaluated.
    pub cursor: LogPosition,
    /// Time of the decision.
    pub at: OffsetDateTime,
}

/// Outcome of an edit by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditedIncident {
    /// There is no such incident.
    NotFound,
    /// The edit was rejected.
    Rejected(IncidentEditError),
    /// The incident already is as requested.
    Unchanged(Box<LiveIncident>),
    /// The incident after the edit, and the entries of the log.
    Changed(Box<LiveIncident>, Vec<LogEntry>),
}

/// The durable incidents.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait IncidentStore: Send + Sync {
    /// Claims the evaluation for a replica. Returns `None` if another replica has claimed it until
    /// after the time of the claim.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn claim_evaluation(
        &self,
        claim: &EvaluatorClaim,
    ) -> Result<Option<EvaluatorState>, StoreError>;

    /// Gives a claim back, if the replica has it.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn release_evaluation(&self, owner: &str) -> Result<(), StoreError>;

    /// Reads the incidents that are not resolved, that silence projects, or that resolved after a time,
    /// of which only the newest `max_resolved`.
    ///
    /// An implementation MUST leave out and log each row that does not parse.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn load_incidents(
        &self,
        resolved_after: OffsetDateTime,
        max_resolved: usize,
    ) -> Result<IncidentsSnapshot, StoreError>;

    /// Reads incidents, in any order. Unknown ones are ignored.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn find_incidents(&self, ids: &[IncidentId]) -> Result<Vec<LiveIncident>, StoreError>;

    /// Stores the changes of an evaluator with their entries in the log and their notifications in the
    /// outbox. Returns `None` if the stored
    /// incidents no longer have the version that the decision is based on; nothing was applied.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn write_incidents(
        &self,
        write: &IncidentWrite,
    ) -> Result<Option<Vec<LogEntry>>, StoreError>;

    /// Applies the edit of a person.
    ///
    /// An implementation MUST apply the result of [`IncidentEdit::decide`] for the stored incident, in
    /// the transaction that writes.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn edit_incident(
        &self,
        id: IncidentId,
        edit: &IncidentEdit,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<EditedIncident, StoreError>;

    /// Reads at most `limit` entries of an incident from the log, newest first, optionally only those
    /// before a revision.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn incident_entries(
        &self,
        id: IncidentId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError>;
}
