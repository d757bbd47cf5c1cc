//! Recorder: records received heartbeats.
//!
//! Owns the flags that say whether heartbeats relayed to other replicas may not have reached them.
//!
//! ```text
//! NATS subscriber        HTTP endpoint          another replica
//!       │ batch(now)           │ record_heartbeat     │ record_relayed
//!       ▼                      ▼                      ▼
//! HeartbeatBatch::record: look up the entry, write reading and time (2 atomics)
//!       ├─ fast path (online, no trouble reported) ─► done, no lock
//!       ▼ lock the entry
//! Reports::hear
//!       ├─ same status, other health ──────► the next checkpoint stores it
//!       ├─ other status while the bus lags ► Judge::defer, decided at the next proof
//!       ▼ other status
//! Transitions::set_status ──► registry ──► TransitionQueue ──► Writer ──► store
//! ```

use std::sync::Arc;

use federation_domain::{Clock, Heartbeat, Monotonic, Source};

pub use self::batch::HeartbeatBatch;
use self::batch::Route;
use self::relays::Relays;
use super::{Judge, Listening, PresenceDeps, Transitions};
use crate::instances::Instances;
use crate::metrics::{DropReason, Metrics};
use crate::registry::Registry;

mod batch;
mod relays;

/// Reason why a heartbeat was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The catalog has no such project.
    #[error("the project is not in the catalog")]
    UnknownProject,
    /// The catalog was not read yet.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
}

/// Records heartbeats. Cheap to clone.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    listening: Arc<Listening>,
    judge: Arc<Judge>,
    transitions: Arc<Transitions>,
    metrics: Metrics,
    instances: Instances,
    relays: Relays,
}

impl Recorder {
    pub(super) fn new(
        deps: PresenceDeps,
        listening: Arc<Listening>,
        judge: Arc<Judge>,
        transitions: Arc<Transitions>,
    ) -> Self {
        let PresenceDeps { clock, registry, metrics, instances, relay, .. } = deps;
        let relays = Relays::new(relay);
        Self(Arc::new(Inner {
            clock,
            registry,
            listening,
            judge,
            transitions,
            metrics,
            instances,
            relays,
        }))
    }

    /// Begins a batch of heartbeats that arrive together over the bus at `now`.
    ///
    /// The time is read once for the whole batch, so it should be recorded within a millisecond.
    /// Until the batch is dropped, the caller MUST NOT block or call anything else of this crate.
    #[must_use]
    pub fn batch(&self, now: Monotonic) -> HeartbeatBatch<'_> {
        HeartbeatBatch::begin(&self.0, now, Route::Bus)
    }

    /// Records a heartbeat that has just arrived. This costs one look-up and two atomic writes,
    /// unless it changes the status of the project or its reported health.
    ///
    /// A heartbeat that arrived over HTTP must then be [relayed](Self::relay).
    ///
    /// # Errors
    /// [`RecordError`]. An unknown project is counted, and nothing else changes.
    pub fn record_heartbeat(&self, heartbeat: &Heartbeat<'_>) -> Result<(), RecordError> {
        let route = if heartbeat.source == Source::Nats { Route::Bus } else { Route::Direct };
        self.record(heartbeat, route)
    }

    /// Records a heartbeat that another replica received and relayed.
    ///
    /// # Errors
    /// See [`record_heartbeat`](Self::record_heartbeat).
    pub fn record_relayed(&self, heartbeat: &Heartbeat<'_>) -> Result<(), RecordError> {
        self.record(heartbeat, Route::Bus)
    }

    fn record(&self, heartbeat: &Heartbeat<'_>, route: Route) -> Result<(), RecordError> {
        let now = self.0.clock.monotonic();
        HeartbeatBatch::begin(&self.0, now, route).record(heartbeat)
    }

    /// Relays a recorded heartbeat that arrived over HTTP to the other replicas, which cannot hear
    /// it. Must complete before the heartbeat is acknowledged, so that no sender receives an
    /// acknowledgement before the other replicas can have the heartbeat.
    pub async fn relay(&self, heartbeat: &Heartbeat<'_>) {
        self.0.relays.relay(heartbeat).await;
    }

    /// Returns `true` if heartbeats recorded since the last call may not have reached the other
    /// replicas, because the bus did not accept them or is not being received. They must then be
    /// passed on through the store.
    pub(crate) fn take_unheard_relays(&self) -> bool {
        self.0.relays.take_unheard(self.0.listening.hears(Source::Nats))
    }

    /// Records that the store did not accept them either; the next call finds them again.
    pub(crate) fn keep_unheard_relays(&self) {
        self.0.relays.keep_unheard();
    }

    /// Counts a heartbeat that the adapter dropped.
    pub fn count_dropped_heartbeat(&self, source: Source, reason: DropReason) {
        self.0.metrics.heartbeat_dropped(source, reason);
    }

    /// Counts an unknown project that could not be registered because too many others were
    /// waiting. Its next heartbeat tries again.
    pub fn count_dropped_unknown_project(&self) {
        self.0.metrics.unknown_project_dropped();
    }

    /// Counts an invalid optional heartbeat field that was ignored.
    pub fn count_ignored_field(&self, source: Source) {
        self.0.metrics.field_ignored(source);
    }
}

#[cfg(test)]
mod tests;
