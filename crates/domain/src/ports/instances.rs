//! Port of the facts about instances of projects.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::instance::SeenInstance;
use crate::log::{Actor, LogEntry};
use crate::project::ProjectId;

/// The durable facts about the instances of projects. They are removed with their project.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait InstanceStore: Send + Sync {
    /// Reads the facts of all projects, in any order.
    ///
    /// An implementation MUST read lists that do not parse as empty, and leave out and log rows whose
    /// time does not parse.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn load_instances(&self) -> Result<Vec<SeenInstance>, StoreError>;

    /// Reads the facts of these projects, in any order. Unknown projects are ignored.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn find_instances(&self, projects: &[ProjectId])
    -> Result<Vec<SeenInstance>, StoreError>;

    /// Stores facts, at most one for each project, and returns the entries of the log.
    ///
    /// An implementation MUST store those that [replace](SeenInstance::replaces) the stored ones and
    /// MUST log [their entries](SeenInstance::entry), in the transaction that writes. It MUST ignore
    /// projects that do not exist, and serialize writes with those of other replicas.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was applied.
    async fn store_instances(
        &self,
        seen: &[SeenInstance],
        actor: &Actor,
    ) -> Result<Vec<LogEntry>, StoreError>;
}
