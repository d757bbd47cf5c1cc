//! What the application needs from outside.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::change::{Change, LogEntry, Origin, Outcome, Probe, Revision, Transition};
use crate::condition::Precondition;
use crate::error::StoreError;
use crate::heartbeat::{Heartbeat, Source};
use crate::listening::Monotonic;
use crate::project::{Project, ProjectId};
use crate::registering::Registering;
use crate::registration::Registration;
use crate::values::{MeshNamespace, Slug};

/// All that a replica needs to start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The projects, by id. Rows that do not parse are left out.
    pub projects: Vec<Project>,
    /// The newest change that the projects reflect.
    pub revision: Revision,
    /// The spell of listening of each source that ends last, as far as a checkpoint knew.
    pub listened: Vec<Listened>,
    /// How many rows were left out because they do not parse; each was logged by the store.
    pub corrupt_rows: usize,
}

/// A spell in which a source listened without a break, by the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listened {
    /// Which source.
    pub source: Source,
    /// When its last deafness ended.
    pub from: OffsetDateTime,
    /// Through which moment it was heard.
    pub until: OffsetDateTime,
}

/// What a registration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The project as stored.
    pub project: Project,
    /// The change that was logged; none where the project already was as registered.
    pub change: Option<Change>,
}

/// The newest heartbeat of one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatMark {
    /// Whose.
    pub project: ProjectId,
    /// When it arrived.
    pub at: OffsetDateTime,
    /// The way it came.
    pub source: Source,
}

/// What was heard since the checkpoint before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// The newest heartbeat of each project that was heard.
    pub heartbeats: Vec<HeartbeatMark>,
    /// The present spell of listening of each source.
    pub listened: Vec<Listened>,
}

/// The durable catalog and its change log.
///
/// Each method is atomic: it is applied whole, with its log entries, or not at all. Writers of
/// changes serialise, so revisions are in order, and without gaps, for every reader.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// Reads the whole catalog in one consistent view.
    ///
    /// An implementation MUST leave out, log and count each row whose slug, name, URL, status or
    /// times do not parse, and return the others. Other columns that are NULL or do not parse read
    /// as empty or absent.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Failed`].
    async fn load(&self) -> Result<Snapshot, StoreError>;

    /// Reads the projects of these slugs as they are now, in any order; who is not there is not in
    /// the answer.
    ///
    /// An implementation MUST leave out rows as [`load`](Self::load) does.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, slugs: &[Slug]) -> Result<Vec<Project>, StoreError>;

    /// Creates each project, or changes the metadata of the one with its slug, in the order given,
    /// as [`Registering`] says. A registration by [`Origin::Heartbeat`] replaces nothing: what is
    /// known stays.
    ///
    /// An implementation MUST ask each [`may_meet`](Registering::may_meet) of the row as those
    /// before left it, in the transaction that writes, and apply none where one says no. It MUST
    /// keep id, status, heartbeat and creation of an existing project, MUST log `registered` for a
    /// new one and `updated` only where something differs (setting `updated_at` to `at`), and MUST
    /// succeed for all callers that register one slug at once on no condition.
    ///
    /// # Errors
    /// [`StoreError`], [`StoreError::Refused`] with the first whose condition does not hold;
    /// nothing was applied.
    async fn register_if(
        &self,
        registrations: &[Registering],
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<Registered>, StoreError>;

    /// As [`register_if`](Self::register_if), on no condition; what a registration does not give
    /// stays.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was applied.
    async fn register(
        &self,
        registrations: &[Registration],
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<Registered>, StoreError> {
        let registrations: Vec<Registering> =
            registrations.iter().cloned().map(Registering::from).collect();
        self.register_if(&registrations, by, at).await
    }

    /// Removes the project and logs `removed`; none, whatever the condition, when there is no such
    /// project.
    ///
    /// An implementation MUST decide the condition against the row, in the transaction that
    /// removes it, MUST never give its id to another project, and MUST keep its log.
    ///
    /// # Errors
    /// [`StoreError`], [`StoreError::Refused`] where the condition does not hold; nothing was
    /// applied.
    async fn remove_if(
        &self,
        slug: &Slug,
        only_if: &Precondition,
        at: OffsetDateTime,
    ) -> Result<Option<(ProjectId, Change)>, StoreError>;

    /// As [`remove_if`](Self::remove_if), on no condition.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was applied.
    async fn remove(
        &self,
        slug: &Slug,
        at: OffsetDateTime,
    ) -> Result<Option<(ProjectId, Change)>, StoreError> {
        self.remove_if(slug, &Precondition::Always, at).await
    }

    /// Stores the transitions that stand, in the order given, and says of each what became of it.
    ///
    /// An implementation MUST decide by [`Verdicts`](crate::Verdicts), each against the row as
    /// the transitions before it left it; MUST store status, reports and, where newer, the
    /// heartbeat with its source; MUST set `updated_at` and log only where the status changes.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was applied.
    async fn commit(&self, transitions: &[Transition]) -> Result<Vec<Outcome>, StoreError>;

    /// Notes what was heard. Logs nothing and leaves `updated_at` alone.
    ///
    /// An implementation MUST only move heartbeats forward, MUST pass over projects that are gone,
    /// and MUST join a spell with those of its source that it overlaps or touches, also when several
    /// replicas do so at once. It MAY forget spells that ended more than [`SPELLS_KEPT`] before.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was applied.
    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError>;

    /// The entries of the log after a revision, in order, at most `limit`.
    ///
    /// An implementation MUST give an entry that does not parse as such: it never hides another.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn changes_after(
        &self,
        revision: Revision,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError>;

    /// The log of a project, newest first: the changes before a revision, or all, at most `limit`.
    /// A project that was removed still has its log.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn history(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError>;

    /// The spells of listening of a source that end after a moment, in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn spells(
        &self,
        source: Source,
        since: OffsetDateTime,
    ) -> Result<Vec<Listened>, StoreError>;

    /// Makes sure that the store answers.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Who is told of accepted changes, in their order.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait ChangeSink: Send + Sync {
    /// Takes the changes in. An implementation MUST NOT block.
    fn publish(&self, changes: &[Change]);
}

/// How long a store keeps spells of listening at least: the longest window of a project's history,
/// 30 days, and a day more.
pub const SPELLS_KEPT: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Who hands heartbeats that arrived here on to the other replicas, which cannot hear them.
#[async_trait]
pub trait HeartbeatRelay: Send + Sync {
    /// Hands it on, and returns whether it is on its way. An implementation MUST NOT take longer
    /// than about a second, nor keep what cannot be sent for later.
    async fn relay(&self, heartbeat: &Heartbeat<'_>) -> bool;
}

/// Who can ask a project directly whether it is alive.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Prober: Send + Sync {
    /// Asks it, and waits for at most about half a second.
    ///
    /// An implementation MUST take only an answer of this project for one.
    async fn probe(&self, slug: &Slug, namespace: &MeshNamespace) -> Probe;
}

/// The only way to learn the time.
pub trait Clock: Send + Sync {
    /// The monotonic clock.
    fn monotonic(&self) -> Monotonic;
    /// The time of day in UTC, in whole microseconds, which is what databases keep.
    fn utc(&self) -> OffsetDateTime;
}
