//! The parts put together.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use federation_domain::{
    CatalogStore, ChangeSink, Clock, HeartbeatRelay, LivenessRule, Origin, Prober, Registration,
    Source, StoreError,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, CatalogError};
use crate::changes::ChangeFeed;
use crate::follower::Follower;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::presence::{Deployment, Presence, PresenceDeps, TICK};
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
    /// Who tells other replicas of heartbeats that came over HTTP, if there may be others.
    pub relay: Option<Arc<dyn HeartbeatRelay>>,
    /// Who asks silent projects directly before they are called offline, if anyone does.
    pub prober: Option<Arc<dyn Prober>>,
}

/// The use cases, wired to each other. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Registering and querying.
    pub catalog: Catalog,
    /// Heartbeats and statuses.
    pub presence: Presence,
    /// The changes as they happen.
    pub changes: ChangeFeed,
    /// Whether the process can do its job.
    pub readiness: Readiness,
    /// Counts.
    pub metrics: Metrics,
    journal: Arc<Journal>,
    queue: Arc<TransitionQueue>,
    registry: Arc<Registry>,
}

impl Service {
    /// Wires the use cases.
    #[must_use]
    pub fn new(ports: Ports, rule: LivenessRule, deployment: Deployment) -> Self {
        let metrics = Metrics::new();
        let registry = Arc::new(Registry::default());
        let queue = Arc::new(TransitionQueue::default());
        let Ports { store, sink, clock, relay, prober } = ports;
        let presence = Presence::new(PresenceDeps {
            rule,
            clock: Arc::clone(&clock),
            registry: Arc::clone(&registry),
            queue: Arc::clone(&queue),
            metrics: metrics.clone(),
            deployment,
            relay,
            prober,
        });
        let journal = Arc::new(Journal::new(store, sink, metrics.clone()));
        let readiness = Readiness::new(Arc::clone(&journal), presence.clone());
        let catalog =
            Catalog::new(Arc::clone(&registry), presence.clone(), Arc::clone(&journal), clock);
        let changes = ChangeFeed::new(Arc::clone(&journal), Arc::clone(&registry));
        let service =
            Self { catalog, presence, changes, readiness, metrics, journal, queue, registry };
        service.refresh_gauges();
        service
    }

    /// Reads the catalog from the store. Returns how many projects there are.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was taken in, the call may be repeated.
    pub async fn load(&self) -> Result<usize, StoreError> {
        let snapshot = self.journal.load().await?;
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

    /// Proves the hearing of HTTP at each tick until cancelled: it hears while this process runs,
    /// unless other replicas hear for it too.
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
        self.presence.tick();
    }

    /// Asks silent projects directly until cancelled, where that is called for.
    pub async fn run_probes(&self, cancel: CancellationToken) {
        self.presence.run_probes(cancel).await;
    }

    /// Who learns what other replicas changed; run exactly one.
    #[must_use]
    pub fn follower(&self) -> Follower {
        Follower::new(Arc::clone(&self.journal), self.presence.clone())
    }

    /// Says that other replicas may have changed something, so that it is looked up at once.
    pub fn look_for_changes(&self) {
        self.journal.look_for_changes();
    }

    /// Has gauges read when they are rendered. The reference to the metrics is weak, because they
    /// hold this closure.
    fn refresh_gauges(&self) {
        let metrics = Arc::downgrade(&self.metrics.0);
        let (registry, queue) = (Arc::clone(&self.registry), Arc::clone(&self.queue));
        let listening = Arc::clone(self.presence.listening());
        let watchers = self.changes.count();
        self.metrics.refresh_with(move || {
            let Some(metrics) = metrics.upgrade().map(Metrics) else { return };
            metrics.set_catalog(registry.count_by_status());
            metrics.set_watchers(watchers.load(Ordering::Relaxed));
            metrics.set_waiting(queue.len());
            metrics.set_nats_connection(listening.hears(Source::Nats));
            for report in listening.snapshot().reports() {
                metrics.set_hearing(report.source, report.deaf, report.heard_ago);
            }
        });
    }
}
