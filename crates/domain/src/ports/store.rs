//! All store ports together.

use std::sync::Arc;

use super::{
    ActionStore, CatalogStore, ChangeLogStore, CheckpointStore, EdgeStore, IncidentStore,
    InstanceStore, ListeningStore, MaintenanceStore, Outbox, StoreHealth, UptimeStore,
};

/// A store that implements every store port. Has a blanket implementation.
pub trait Store:
    ActionStore
    + CatalogStore
    + ChangeLogStore
    + CheckpointStore
    + EdgeStore
    + InstanceStore
    + IncidentStore
    + ListeningStore
    + MaintenanceStore
    + Outbox
    + StoreHealth
    + UptimeStore
{
}

impl<S> Store for S where
    S: ActionStore
        + CatalogStore
        + ChangeLogStore
        + CheckpointStore
        + EdgeStore
        + InstanceStore
        + IncidentStore
        + ListeningStore
        + MaintenanceStore
        + Outbox
        + StoreHealth
        + UptimeStore
{
}

/// The store ports that the application uses. A test may replace one of them.
#[derive(Clone)]
pub struct Stores {
    /// Runs of actions.
    pub actions: Arc<dyn ActionStore>,
    /// Projects.
    pub catalog: Arc<dyn CatalogStore>,
    /// Change log.
    pub change_log: Arc<dyn ChangeLogStore>,
    /// Checkpoints.
    pub checkpoints: Arc<dyn CheckpointStore>,
    /// Edges.
    pub edges: Arc<dyn EdgeStore>,
    /// Facts about instances.
    pub instances: Arc<dyn InstanceStore>,
    /// Incidents.
    pub incidents: Arc<dyn IncidentStore>,
    /// Listening periods.
    pub listening: Arc<dyn ListeningStore>,
    /// Notifications that wait for delivery.
    pub outbox: Arc<dyn Outbox>,
    /// Maintenance windows.
    pub maintenance: Arc<dyn MaintenanceStore>,
    /// Uptime, and the retention of the log.
    pub uptime: Arc<dyn UptimeStore>,
    /// Health of the store.
    pub health: Arc<dyn StoreHealth>,
    /// Reads on behalf of clients.
    pub client_reads: ClientReads,
}

/// The ports that answer clients from the store: histories, runs of actions, and streams that resume from far back.
///
/// An implementation MUST give them connections of their own, so that they delay no other call, and
/// MUST fail with [`StoreError::Busy`](crate::StoreError::Busy) beyond a limit.
#[derive(Clone)]
pub struct ClientReads {
    /// Runs of actions.
    pub actions: Arc<dyn ActionStore>,
    /// Change log.
    pub change_log: Arc<dyn ChangeLogStore>,
    /// Incidents.
    pub incidents: Arc<dyn IncidentStore>,
    /// Listening periods.
    pub listening: Arc<dyn ListeningStore>,
    /// Log of deliveries.
    pub outbox: Arc<dyn Outbox>,
    /// Uptime.
    pub uptime: Arc<dyn UptimeStore>,
}

impl Stores {
    /// Uses one store for every port.
    #[must_use]
    pub fn of(store: Arc<dyn Store>) -> Self {
        let client_reads = ClientReads::of(Arc::<dyn Store>::clone(&store));
        Self {
            client_reads,
            actions: Arc::<dyn Store>::clone(&store),
            catalog: Arc::<dyn Store>::clone(&store),
            change_log: Arc::<dyn Store>::clone(&store),
            checkpoints: Arc::<dyn Store>::clone(&store),
            edges: Arc::<dyn Store>::clone(&store),
            instances: Arc::<dyn Store>::clone(&store),
            incidents: Arc::<dyn Store>::clone(&store),
            listening: Arc::<dyn Store>::clone(&store),
            outbox: Arc::<dyn Store>::clone(&store),
            maintenance: Arc::<dyn Store>::clone(&store),
            uptime: Arc::<dyn Store>::clone(&store),
            health: store,
        }
    }
}

impl ClientReads {
    /// Uses one store for every port.
    #[must_use]
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self {
            actions: Arc::<dyn Store>::clone(&store),
            change_log: Arc::<dyn Store>::clone(&store),
            incidents: Arc::<dyn Store>::clone(&store),
            listening: Arc::<dyn Store>::clone(&store),
            outbox: Arc::<dyn Store>::clone(&store),
            uptime: store,
        }
    }
}
