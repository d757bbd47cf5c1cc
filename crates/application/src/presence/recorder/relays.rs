//! Heartbeats relayed to other replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use federation_domain::{Heartbeat, HeartbeatRelay};

#[derive(Default)]
pub(super) struct Relays {
    relay: Option<Arc<dyn HeartbeatRelay>>,
    /// A heartbeat was relayed that the store may not have yet.
    relayed: AtomicBool,
    /// A heartbeat could not be relayed, and the store may not have it yet.
    unrelayed: AtomicBool,
}

impl Relays {
    pub(super) fn new(relay: Option<Arc<dyn HeartbeatRelay>>) -> Self {
        Self { relay, ..Self::default() }
    }

    pub(super) async fn relay(&self, heartbeat: &Heartbeat<'_>) {
        let Some(relay) = &self.relay else { return };
        self.relayed.store(true, Ordering::Relaxed);
        if !relay.relay(heartbeat).await {
            self.unrelayed.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn take_unheard(&self, hears_bus: bool) -> bool {
        let refused = self.unrelayed.swap(false, Ordering::Relaxed);
        refused || (!hears_bus && self.relayed.swap(false, Ordering::Relaxed))
    }

    pub(super) fn keep_unheard(&self) {
        self.unrelayed.store(true, Ordering::Relaxed);
    }
}
