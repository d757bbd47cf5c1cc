//! State shared by the use case and the drivers of runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use federation_domain::{
    ActionDecision, ActionName, ActionOrder, ActionRights, Actor, Candidate, Clock, MAX_IN_FLIGHT,
    Monotonic, RunId, Slug, Stores, decide,
};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::{Notify, Semaphore};

use super::Fanout;
use crate::catalog::Catalog;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::presence::ProjectState;
use crate::service::Service;

pub(super) struct Shared {
    pub(super) catalog: Catalog,
    pub(super) journal: Arc<Journal>,
    pub(super) fanout: Option<Fanout>,
    rights: Option<Arc<dyn ActionRights>>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// Wakes the runner.
    pub(super) wake: Notify,
    /// Permits for targets in flight.
    pub(super) in_flight: Arc<Semaphore>,
    tickets: AtomicU64,
    /// Runs that this replica drives.
    driven: Mutex<HashMap<RunId, Arc<Signals>>>,
}

/// Signals to the driver of a run.
#[derive(Default)]
pub(super) struct Signals {
    pub(super) cancelled: AtomicBool,
    pub(super) lost: AtomicBool,
    pub(super) wake: Notify,
}

impl Signals {
    pub(super) fn raise(&self, signal: &AtomicBool) {
        if !signal.swap(true, Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }
}

impl Shared {
    pub(super) fn new(
        service: &Service,
        fanout: Option<Fanout>,
        rights: Option<Arc<dyn ActionRights>>,
    ) -> Self {
        Self {
            catalog: service.catalog.clone(),
            journal: service.journal(),
            fanout,
            rights,
            clock: service.catalog.clock(),
            metrics: service.metrics.clone(),
            wake: Notify::new(),
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            tickets: AtomicU64::new(1),
            driven: Mutex::default(),
        }
    }

    pub(super) fn stores(&self) -> &Stores {
        self.journal.stores()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.utc()
    }

    pub(super) fn monotonic(&self) -> Monotonic {
        self.clock.monotonic()
    }

    pub(super) fn next_ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the reason why the actor may not request the action, if it may not.
    pub(super) fn refusal(
        &self,
        actor: &Actor,
        action: &ActionName,
        project: Option<&Slug>,
    ) -> Option<String> {
        self.rights.as_ref().and_then(|rights| rights.refusal(actor, action, project))
    }

    /// Decides about a project in this state; `None` if it does not exist.
    pub(super) fn decide(
        &self,
        state: Option<&ProjectState>,
        order: &ActionOrder,
        actor: &Actor,
    ) -> ActionDecision {
        let slug = state.map(|state| &state.project.slug);
        let refused_key = slug.and_then(|slug| self.refusal(actor, &order.action, Some(slug)));
        let candidate = Candidate {
            project: state.map(|state| &state.project),
            status_known: state.is_some_and(|state| state.status_known),
            // Checked once, for all targets, when the run is created.
            shares_namespace: false,
            refused_key: refused_key.as_deref(),
        };
        decide(&candidate, &order.action, order.include_offline)
    }

    /// Returns the number of the current connection to the bus, if there is one.
    pub(super) fn connection(&self) -> Option<u64> {
        self.fanout.as_ref().and_then(|fanout| fanout.transport.connection())
    }

    /// Notes that this replica drives a run. Returns `None` if it already does.
    pub(super) fn begin(&self, id: RunId) -> Option<Arc<Signals>> {
        let mut driven = self.driven.lock();
        if driven.contains_key(&id) {
            return None;
        }
        let signals = Arc::<Signals>::default();
        driven.insert(id, Arc::clone(&signals));
        Some(signals)
    }

    pub(super) fn end(&self, id: RunId) {
        self.driven.lock().remove(&id);
    }

    pub(super) fn cancel(&self, id: RunId) {
        if let Some(signals) = self.driven.lock().get(&id) {
            signals.raise(&signals.cancelled);
        }
    }

    /// Tells the drivers of all runs that are not among these that their lease was lost.
    pub(super) fn keep_only(&self, leased: &[RunId]) {
        for (id, signals) in &*self.driven.lock() {
            if !leased.contains(id) {
                signals.raise(&signals.lost);
            }
        }
    }

    /// Returns the number of targets in flight.
    pub(super) fn asked(&self) -> usize {
        MAX_IN_FLIGHT - self.in_flight.available_permits().min(MAX_IN_FLIGHT)
    }
}
