//! All store ports together.

use std::sync::Arc;

use super::{CatalogStore, ChangeLogStore, CheckpointStore, ListeningStore, StoreHealth};

/// A store that implements every store port. Has a blanket implementation.
pub trait Store:
    CatalogStore + ChangeLogStore + CheckpointStore + ListeningStore + StoreHealth
{
}

impl<S> Store for S where
    S: CatalogStore + ChangeLogStore + CheckpointStore + ListeningStore + StoreHealth
{
}

/// The store ports that the application uses. A test may replace one of them.
#[derive(Clone)]
pub struct Stores {
    /// Projects.
    pub catalog: Arc<dyn CatalogStore>,
    /// Change log.
    pub change_log: Arc<dyn ChangeLogStore>,
    /// Checkpoints.
    pub checkpoints: Arc<dyn CheckpointStore>,
    /// Listening periods.
    pub listening: Arc<dyn ListeningStore>,
    /// Health of the store.
    pub health: Arc<dyn StoreHealth>,
}

impl Stores {
    /// Uses one store for every port.
    #[must_use]
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self {
            catalog: Arc::<dyn Store>::clone(&store),
            change_log: Arc::<dyn Store>::clone(&store),
            checkpoints: Arc::<dyn Store>::clone(&store),
            listening: Arc::<dyn Store>::clone(&store),
            health: store,
        }
    }
}
