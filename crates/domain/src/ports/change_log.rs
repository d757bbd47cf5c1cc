//! Port of the change log.

use async_trait::async_trait;

use crate::change::Revision;
use crate::error::StoreError;
use crate::log::{Epoch, StoredEntry};
use crate::values::Slug;

/// A part of the log.
#[derive(Debug, Default)]
pub struct LogPart {
    /// Entries in order.
    pub entries: Vec<StoredEntry>,
    /// Epoch of the log, read after the entries.
    pub epoch: Epoch,
    /// Revision from which on the log has every entry, read after the entries. It may be larger than
    /// that of the newest entry by one.
    pub oldest: Revision,
}

impl LogPart {
    /// Returns `true` if no entry after this revision was dropped from the log.
    #[must_use]
    pub fn is_complete_after(&self, revision: Revision) -> bool {
        self.oldest.0 <= revision.0.saturating_add(1)
    }
}

/// Reads the change log. Entries are written by the ports whose changes they describe.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ChangeLogStore: Send + Sync {
    /// Reads at most `limit` entries after a revision, in order.
    ///
    /// An implementation MUST return an entry that does not parse as [`StoredEntry::Unreadable`], so
    /// that it does not hide others. It MUST read the epoch and the oldest revision together with the
    /// entries or after them, so that no dropped entry goes unnoticed.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn changes_after(&self, revision: Revision, limit: usize) -> Result<LogPart, StoreError>;

    /// Reads at most `limit` entries of a project, newest first, optionally only those before a
    /// revision. A project that was removed keeps its log.
    ///
    /// An implementation MUST return an entry that does not parse as [`StoredEntry::Unreadable`].
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn history(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError>;

    /// Draws a new epoch, unless the log no longer has the given one.
    ///
    /// Called when the log turns out to be another one although its epoch is the same, because a
    /// backup was restored. Positions of clients in the former log then lead to a reset.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn renew_epoch(&self, known: Epoch) -> Result<(), StoreError>;
}
