//! Notifications: routes, channels, and the log of deliveries.
//!
//! Incidents store their notifications in the outbox. The [`Courier`] of each replica takes them
//! from there to the channels.

mod courier;
mod lane;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use federation_domain::{
    ChannelName, Clock, Delivery, DeliveryId, DeliveryQuery, Messenger, Outbox, RetriedDelivery,
    Route, StoreError,
};
use parking_lot::RwLock;
use tokio::sync::Notify;

pub use self::courier::Courier;
use self::lane::Lane;
use crate::metrics::Metrics;

/// Maximum number of channels.
pub const MAX_CHANNELS: usize = 20;

/// Where notifications go. Cheap to clone.
#[derive(Clone)]
pub struct Notifications(Arc<Shared>);

struct Shared {
    outbox: Arc<dyn Outbox>,
    client_reads: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// Name of this process in leases.
    owner: String,
    lanes: RwLock<BTreeMap<ChannelName, Arc<Lane>>>,
    routes: RwLock<Arc<[Route]>>,
    wake: Notify,
}

impl Notifications {
    pub(crate) fn new(
        outbox: Arc<dyn Outbox>,
        client_reads: Arc<dyn Outbox>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new(Shared {
            outbox,
            client_reads,
            clock,
            metrics,
            owner: format!("{:016x}", fastrand::u64(..)),
            lanes: RwLock::default(),
            routes: RwLock::new(Arc::from([])),
            wake: Notify::new(),
        }))
    }

    /// Replaces all channels and routes. A message that is being sent is not interrupted. At most
    /// [`MAX_CHANNELS`] channels are used.
    pub fn configure(&self, channels: Vec<(ChannelName, Arc<dyn Messenger>)>, routes: Vec<Route>) {
        let lanes = channels
            .into_iter()
            .take(MAX_CHANNELS)
            .map(|(name, messenger)| (name.clone(), Arc::new(Lane::new(name, messenger))));
        *self.0.lanes.write() = lanes.collect();
        *self.0.routes.write() = routes.into();
        self.wake();
    }

    /// Returns whether there are channels.
    #[must_use]
    pub fn has_channels(&self) -> bool {
        !self.0.lanes.read().is_empty()
    }

    /// Returns the routes, for [`route`](federation_domain::route).
    #[must_use]
    pub fn routes(&self) -> Arc<[Route]> {
        Arc::clone(&self.0.routes.read())
    }

    /// Returns the channels whose receivers keep a state for each incident.
    pub(crate) fn keeping_state(&self) -> BTreeSet<ChannelName> {
        let lanes = self.0.lanes.read();
        let keeping = lanes.values().filter(|lane| lane.keeps_state());
        keeping.map(|lane| lane.channel.clone()).collect()
    }

    /// Looks for due deliveries now. Call it after notifications were stored.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Creates the courier of this process. Run exactly one.
    #[must_use]
    pub fn courier(&self) -> Courier {
        Courier::new(Arc::clone(&self.0))
    }

    /// Reads deliveries, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn deliveries(&self, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        self.0.client_reads.deliveries(query).await
    }

    /// Delivers the message of a dead delivery again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry(&self, id: DeliveryId) -> Result<RetriedDelivery, StoreError> {
        let retried = self.0.outbox.retry_delivery(id, self.0.clock.utc()).await?;
        self.wake();
        Ok(retried)
    }
}

impl Shared {
    /// Returns the lanes of these channels, without those that are not configured.
    fn lanes(&self, channels: &[ChannelName]) -> Vec<Arc<Lane>> {
        let lanes = self.lanes.read();
        channels.iter().filter_map(|channel| lanes.get(channel).cloned()).collect()
    }
}

#[cfg(test)]
mod tests;
