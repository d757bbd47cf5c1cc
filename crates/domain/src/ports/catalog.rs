//! Port of the catalog of projects.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::change::{Change, Origin, Outcome, Revision, Transition};
use crate::condition::Precondition;
use crate::error::StoreError;
use crate::log::{Actor, Epoch};
use crate::project::{Project, ProjectId};
use crate::registration_write::RegistrationWrite;
use crate::values::Slug;

/// State that a replica reads when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Projects in the order of their ids. Rows that do not parse are left out.
    pub projects: Vec<Project>,
    /// Newest entry of the log that the projects reflect.
    pub revision: Revision,
    /// Epoch of the log.
    pub epoch: Epoch,
    /// Number of rows that were left out. The store has logged each of them.
    pub corrupt_rows: usize,
}

/// Result of one registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The project as it is stored.
    pub project: Project,
    /// The logged change; `None` if the project already had this registration.
    pub change: Option<Change>,
}

/// The durable catalog of projects.
///
/// Each method is atomic. Units of work that log changes are serialized, so every reader sees
/// revisions in order and without gaps.
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
    /// Returns [`StoreError::Unavailable`] or [`StoreError::Failed`].
    async fn load(&self) -> Result<Snapshot, StoreError>;

    /// Reads the projects with these slugs, in any order. Unknown slugs are ignored.
    ///
    /// An implementation MUST leave out rows as [`load`](Self::load) does.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn find(&self, slugs: &[Slug]) -> Result<Vec<Project>, StoreError>;

    /// Creates projects or changes their metadata, in the order given.
    ///
    /// An implementation MUST apply the result of [`RegistrationWrite::decide`] for the row as left
    /// by the earlier writes of the call, in the transaction that writes. If one write fails, it
    /// MUST apply none. It MUST log `registered` for a created project and `updated` for a changed
    /// one. It MUST succeed for all callers that register the same new slug concurrently without a
    /// precondition.
    ///
    /// # Errors
    /// Returns [`StoreError::PreconditionFailed`] for the first write whose precondition does not
    /// hold, [`StoreError::Rejected`] with the project if the database never accepts one of the
    /// writes but does accept others, or another [`StoreError`]. Nothing was applied.
    async fn register(
        &self,
        writes: &[RegistrationWrite],
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<Registered>, StoreError>;

    /// Removes a project and logs `removed`. Returns `None`, whatever the precondition, if there is
    /// no such project.
    ///
    /// An implementation MUST check the precondition against the row in the transaction that
    /// removes it. It MUST keep the log of the project, and MUST NOT reuse the id.
    ///
    /// # Errors
    /// Returns [`StoreError::PreconditionFailed`] if the precondition does not hold, or another
    /// [`StoreError`]. Nothing was applied.
    async fn remove(
        &self,
        slug: &Slug,
        only_if: &Precondition,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<Option<(ProjectId, Change)>, StoreError>;

    /// Stores the accepted transitions, in the given order, and returns the outcome of each
    /// transition.
    ///
    /// An implementation SHOULD NOT wait for a row that another transaction holds, but return
    /// [`Outcome::Locked`] for all transitions of its project. It MUST use [`Verdicts`](crate::Verdicts) to check each transition against
    /// the row as left by the earlier ones, and MUST store the changes made by
    /// [`Transition::apply_to`]. It MUST log only status changes.
    ///
    /// # Errors
    /// Returns [`StoreError::Rejected`] if the database never accepts one of the transitions but
    /// does accept others, or another [`StoreError`]. Nothing was applied.
    async fn commit(&self, transitions: &[Transition]) -> Result<Vec<Outcome>, StoreError>;
}
