//! Port of the health of the store.

use async_trait::async_trait;

use crate::error::StoreError;

/// Checks the store.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Succeeds if the store answers.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn ping(&self) -> Result<(), StoreError>;
}
