//! Port of the health of the store.

use async_trait::async_trait;

use crate::error::StoreError;

/// Checks the store.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Succeeds if the store answers reads.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn ping(&self) -> Result<(), StoreError>;

    /// Succeeds if the store accepts writes.
    ///
    /// An implementation MUST NOT change what is stored, and MUST NOT wait for a lock that a write
    /// of a project or of the log holds. It MAY write to find out.
    ///
    /// # Errors
    /// Returns [`StoreError::WritesRefused`], [`StoreError::Failed`] or another [`StoreError`].
    async fn probe_writes(&self) -> Result<(), StoreError>;
}
