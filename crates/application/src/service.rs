//! The parts put together.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    CatalogStore, ChangeSink, Clock, LivenessRule, Origin, Proof, Registration, Source, StoreError,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, CatalogError};
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::presence::{Presence, TICK};
use crate::queue::TransitionQueue;
use crate::readiness::Readiness;
use crate::registry::Registry;
use crate::writer::Writer;

/// What the application needs from outside.
pub struct Ports {
    /// The durable catalog.
    pub store: Arc<dyn CatalogStore>,
    /// Who is told of changes.
    pub sink: Arc<dyn ChangeSink>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The use cases, wired to each other. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Registering and querying.
    pub catalog: Catalog,
    /// Heartbeats and statuses.
    pub presence: Presence,
    /// Whether the process can do its job.
    pub readiness: Readiness,
    /// Counts.
    pub metrics: Metrics,
    journal: Arc<Journal>,
    queue: Arc<TransitionQueue>,
    registry: Arc<Registry>,
}

impl Service {
    /// Wires the use cases. `with_bus` says whether heartbeats come over NATS too.
    #[must_use]
    pub fn new(ports: Ports, rule: LivenessRule, with_bus: bool) -> Self {
        let metrics = Metrics::new();
        let registry = Arc::new(Registry::default());
        let queue = Arc::new(TransitionQueue::default());
        let Ports { store, sink, clock } = ports;
        let presence = Presence::new(
            rule,
            Arc::clone(&clock),
            Arc::clone(&registry),
            Arc::clone(&queue),
            metrics.clone(),
            with_bus,
        );
        let journal = Arc::new(Journal::new(store, sink, metrics.clone()));
        let readiness = Readiness::new(Arc::clone(&journal), presence.clone());
        let catalog =
            Catalog::new(Arc::clone(&registry), presence.clone(), Arc::clone(&journal), clock);
        let service = Self { catalog, presence, readiness, metrics, journal, queue, registry };
        service.refresh_gauges();
        service
    }

    /// Reads the catalog from the store. Returns how many projects there are.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was taken in, the call may be repeated.
    pub async fn load(&self) -> Result<usize, StoreError> {
        let snapshot = self.journal.note(self.journal.store().load().await)?;
        let count = snapshot.projects.len();
        self.metrics.set_corrupt_rows(snapshot.corrupt_rows);
        self.presence.resume(snapshot);
        Ok(count)
    }

    /// Registers projects that introduce themselves by a heartbeat. That heartbeat makes them known,
    /// the next one makes them online: what waited here may be old, and the project dead by now. A
    /// project that was registered meanwhile keeps its metadata.
    ///
    /// # Errors
    /// [`CatalogError`]; nothing was applied, their next heartbeats introduce them again.
    pub async fn introduce(&self, newcomers: Vec<Registration>) -> Result<(), CatalogError> {
        let mut unknown = newcomers;
        unknown
            .retain(|one| matches!(self.catalog.find(&one.slug), Err(CatalogError::NotFound(_))));
        if !unknown.is_empty() {
            self.catalog.register_all(unknown, Origin::Heartbeat).await?;
        }
        Ok(())
    }

    /// The writer of this process; run exactly one.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::new(
            Arc::clone(&self.journal),
            Arc::clone(&self.queue),
            Arc::clone(&self.registry),
            self.presence.clone(),
        )
    }

    /// Proves the hearing of HTTP at each tick until cancelled: it hears while this process runs.
    pub async fn run_ticks(&self, cancel: CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => self.tick(),
            }
        }
    }

    /// One tick.
    pub fn tick(&self) {
        let proof = Proof { heard_through: self.presence.now(), unbroken: true };
        self.presence.prove_hearing(Source::Http, proof);
    }

    /// Gauges are read when they are asked for. The references are weak: the presence holds the
    /// metrics, and a circle would never be freed.
    fn refresh_gauges(&self) {
        let metrics = Arc::downgrade(&self.metrics.0);
        let (registry, queue) = (Arc::clone(&self.registry), Arc::clone(&self.queue));
        let presence = self.presence.downgrade();
        self.metrics.refresh_with(move || {
            let Some(metrics) = metrics.upgrade().map(Metrics) else { return };
            let Some(presence) = presence.upgrade() else { return };
            metrics.set_catalog(registry.count_by_status());
            metrics.set_waiting(queue.len());
            metrics.set_nats_connection(presence.hears(Source::Nats));
            for source in Source::ALL.into_iter().filter(|&source| presence.uses(source)) {
                let clock = presence.listening(source);
                let ago: Option<Duration> =
                    clock.proven().map(|proven| presence.now().since(proven));
                metrics.set_hearing(source, clock.deaf(), ago);
            }
        });
    }
}
