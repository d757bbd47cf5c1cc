use std::sync::Arc;

use federation_domain::Clock;

use super::NatsSettings;
use super::outage::OutageLog;

/// Settings for reaching NATS, and what all connections of a process share: the clock and the log
/// of outages.
///
/// A process needs one context per NATS deployment. With more, each connection would log an outage
/// of its own. Cheap to clone.
#[derive(Clone)]
pub struct NatsContext {
    settings: Arc<NatsSettings>,
    clock: Arc<dyn Clock>,
    outages: Arc<OutageLog>,
}

impl NatsContext {
    /// Creates a context. Connects to nothing.
    #[must_use]
    pub fn new(settings: NatsSettings, clock: Arc<dyn Clock>) -> Self {
        Self { settings: Arc::new(settings), clock, outages: Arc::default() }
    }

    pub(crate) fn settings(&self) -> &NatsSettings {
        &self.settings
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(super) fn outages(&self) -> Arc<OutageLog> {
        Arc::clone(&self.outages)
    }
}
