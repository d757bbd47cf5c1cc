//! Port of the change log.

use async_trait::async_trait;

use crate::change::{Change, LogEntry, Revision};
use crate::error::StoreError;
use crate::values::Slug;

/// Reads the change log. Entries are written by the ports whose changes they describe.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ChangeLogStore: Send + Sync {
    /// Reads at most `limit` entries after a revision, in order.
    ///
    /// An implementation MUST return an entry that does not parse as
    /// [`LogEntry::Unreadable`], so that it does not hide others.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn changes_after(
        &self,
        revision: Revision,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError>;

    /// Reads at most `limit` changes of a project, newest first, optionally only those before a
    /// revision. A project that was removed keeps its log.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn history(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError>;
}
