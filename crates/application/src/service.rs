//! The use cases, wired to each other and to the ports.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use federation_domain::{
    ChangeSink, Clock, HeartbeatRelay, IncidentRule, LivenessRule, Origin, Prober, Registration,
    Source, StoreError, Stores,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, CatalogError};
use crate::changes::ChangeFeed;
use crate::edge_table::EdgeTable;
use crate::expiry::Expiry;
use crate::follower::Follower;
use crate::graph::{EdgeKeeper, EdgeObserver, Graph};
use crate::incident_table::IncidentTable;
use crate::incidents::{IncidentEvaluator, Incidents, RuleWatch};
use crate::instance_keeper::InstanceKeeper;
use crate::instances::Instances;
use crate::journal::{Journal, Tables};
use crate::log_upkeep::Upkeep;
use crate::maintenance::Maintenance;
use crate::maintenance_table::MaintenanceTable;
use crate::metrics::Metrics;
use crate::mirror::Mirror;
use crate::notifications::Notifications;
use crate::presence::{Deployment, Presence, PresenceDeps, TICK};
use crate::queue::TransitionQueue;
use crate::readiness::Readiness;
use crate::registry::Registry;
use crate::series::Series;
use crate::writer::Writer;

/// Ports that the application needs.
pub struct Ports {
    /// The store.
    pub stores: Stores,
    /// Receives every accepted change.
    pub sink: Arc<dyn ChangeSink>,
    /// Source of time.
    pub clock: Arc<dyn Clock>,
    /// Relays heartbeats received over HTTP to other replicas, if there may be any.
    pub relay: Option<Arc<dyn HeartbeatRelay>>,
    /// Probes silent projects before they are reported offline, if enabled.
    pub prober: Option<Arc<dyn Prober>>,
}

/// The use cases, wired to each other. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Registers and queries projects.
    pub catalog: Catalog,
    /// Records heartbeats and decides statuses.
    pub presence: Presence,
    /// Answers which project uses which, and writes edges.
    pub graph: Graph,
    /// Answers what is wrong and which project is the cause.
    pub incidents: Incidents,
    /// Delivers notifications.
    pub notifications: Notifications,
    /// Facts about the instances of projects.
    pub instances: Instances,
    /// Windows in which no incident opens.
    pub maintenance: Maintenance,
    /// Streams changes as they happen.
    pub changes: ChangeFeed,
    /// Reports whether the process can do its work.
    pub readiness: Readiness,
    /// Metrics of the process.
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
        let Ports { stores, sink, clock, relay, prober } = ports;
        let instances = Instances::default();
        let presence = Presence::new(PresenceDeps {
            rule,
            clock: Arc::clone(&clock),
            registry: Arc::clone(&registry),
            queue: Arc::clone(&queue),
            metrics: metrics.clone(),
            instances: instances.clone(),
            deployment,
            relay,
            prober,
        });
        let notifications = Notifications::new(
            Arc::clone(&stores.outbox),
            Arc::clone(&stores.client_reads.outbox),
            Arc::clone(&clock),
            metrics.clone(),
        );
        let mirror = Mirror::new(Arc::clone(&registry), presence.clone());
        let edges = Arc::new(EdgeTable::new(Arc::clone(presence.listening())));
        let incident_table = Arc::new(IncidentTable::default());
        let windows = Arc::new(MaintenanceTable::default());
        let tables = Tables {
            edges: Arc::clone(&edges),
            incidents: Arc::clone(&incident_table),
            maintenance: Arc::clone(&windows),
            instances: instances.clone(),
        };
        let journal = Arc::new(Journal::new(
            stores,
            mirror,
            tables,
            sink,
            metrics.clone(),
            Arc::clone(&clock),
        ));
        let readiness = Readiness::new(Arc::clone(&journal), presence.clone());
        let catalog =
            Catalog::new(Arc::clone(&registry), presence.clone(), Arc::clone(&journal), clock);
        let maintenance = Maintenance::new(windows, catalog.clone(), Arc::clone(&journal));
        let incidents = Incidents::new(
            incident_table,
            Arc::clone(&edges),
            notifications.clone(),
            maintenance.clone(),
            catalog.clone(),
            Arc::clone(&journal),
        );
        let graph = Graph::new(edges, catalog.clone(), Arc::clone(&journal));
        let changes = ChangeFeed::new(Arc::clone(&journal), Arc::clone(&registry));
        let service = Self {
            catalog,
            presence,
            graph,
            incidents,
            notifications,
            instances,
            maintenance,
            changes,
            readiness,
            metrics,
            journal,
            queue,
            registry,
        };
        service.refresh_gauges();
        service
    }

    /// Reads the catalog from the store. Returns the number of projects.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was loaded, and the call may be repeated.
    pub async fn load(&self) -> Result<usize, StoreError> {
        self.journal.load().await
    }

    /// Registers unknown projects from their heartbeats. That heartbeat only registers the project,
    /// and the next one sets it online. A heartbeat that waited here may be old, and the project
    /// may be dead by now. A project that was registered in the meantime keeps its metadata.
    ///
    /// A project that the store rejects for good is left out, with an entry in the log.
    ///
    /// # Errors
    /// [`CatalogError`]; the next heartbeats try again. With [`CatalogError::Full`], those that
    /// found a place are registered, and the others are counted as dropped.
    pub async fn introduce(&self, mut unknown: Vec<Registration>) -> Result<(), CatalogError> {
        unknown
            .retain(|one| matches!(self.catalog.find(&one.slug), Err(CatalogError::NotFound(_))));
        let dropped = unknown.len().saturating_sub(self.catalog.left());
        unknown.truncate(unknown.len() - dropped);
        if !unknown.is_empty() {
            self.catalog.register_accepted(unknown, Origin::Heartbeat).await?;
        }
        if dropped == 0 {
            return Ok(());
        }
        (0..dropped).for_each(|_| self.metrics.unknown_project_dropped());
        Err(self.catalog.full())
    }

    /// Creates the task that stores facts about instances. Run exactly one.
    #[must_use]
    pub fn instance_keeper(&self) -> InstanceKeeper {
        let (journal, catalog) = (Arc::clone(&self.journal), self.catalog.clone());
        InstanceKeeper::new(self.instances.clone(), journal, catalog)
    }

    /// Creates the keeper of the edges and the observer that feeds it. Run exactly one.
    #[must_use]
    pub fn edge_keeper(&self) -> (EdgeObserver, EdgeKeeper) {
        EdgeKeeper::new(self.graph.clone(), self.metrics.clone())
    }

    /// Creates the evaluator of the rules about incidents. `owner` names this replica. Run exactly one.
    #[must_use]
    pub fn incident_evaluator(&self, rule: IncidentRule, owner: String) -> IncidentEvaluator {
        IncidentEvaluator::new(self.incidents.clone(), self.changes.clone(), rule, owner)
    }

    /// Creates the watch of metric rules, for the evaluator of incidents.
    #[must_use]
    pub fn rule_watch(&self, series: Series) -> RuleWatch {
        RuleWatch::new(self.incidents.clone(), series)
    }

    /// Creates the writer of this process. Run exactly one.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::new(
            Arc::clone(&self.journal),
            Arc::clone(&self.queue),
            Arc::clone(&self.registry),
            self.presence.clone(),
        )
    }

    /// Calls [`tick`](Self::tick) every [`TICK`] until cancelled, and `after_tick` after each.
    pub async fn run_ticks(&self, cancel: CancellationToken, mut after_tick: impl FnMut()) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {
                    self.tick();
                    after_tick();
                }
            }
        }
    }

    /// Proves the hearing of HTTP, which hears while this process runs, and takes overdue
    /// decisions. If other replicas receive HTTP heartbeats too, the bus proves the hearing of HTTP
    /// instead.
    pub fn tick(&self) {
        self.presence.tick();
    }

    /// Probes silent projects until cancelled, if a prober is configured.
    pub async fn run_probes(&self, cancel: CancellationToken) {
        self.presence.run_probes(cancel).await;
    }

    /// Creates the task that removes projects which registered themselves and have been silent for
    /// this listened time.
    #[must_use]
    pub fn expiry(&self, after: Duration) -> Expiry {
        Expiry::new(self.catalog.clone(), Arc::clone(&self.journal), after)
    }

    /// Creates the follower of the change log. Run exactly one.
    #[must_use]
    pub fn follower(&self) -> Follower {
        Follower::new(Arc::clone(&self.journal), self.presence.clone())
    }

    /// Creates the upkeep of the change log, which drops entries older than the retention. Run exactly
    /// one.
    #[must_use]
    pub fn upkeep(&self, retention: Duration) -> Upkeep {
        let (journal, catalog) = (Arc::clone(&self.journal), self.catalog.clone());
        Upkeep::new(journal, catalog, self.metrics.clone(), retention)
    }

    /// Has the follower read the change log at once, because another replica may have changed
    /// something.
    pub fn request_poll(&self) {
        self.journal.request_poll();
    }

    pub(crate) fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal)
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// Has gauges read when they are rendered. The reference to the metrics is weak, because they
    /// hold this closure.
    fn refresh_gauges(&self) {
        let metrics = Arc::downgrade(&self.metrics.0);
        let (registry, queue) = (Arc::clone(&self.registry), Arc::clone(&self.queue));
        let listening = Arc::clone(self.presence.listening());
        let watchers = self.changes.count();
        let graph = self.graph.clone();
        self.metrics.refresh_with(move || {
            let Some(metrics) = metrics.upgrade().map(Metrics) else { return };
            metrics.set_catalog(registry.count_by_status());
            metrics.set_watchers(watchers.load(Ordering::Relaxed));
            metrics.set_waiting(queue.len());
            metrics.set_edges(graph.edge_count());
            metrics.set_nats_connection(listening.hears(Source::Nats));
            for report in listening.snapshot().reports() {
                metrics.set_hearing(report.source, report.deaf, report.heard_ago);
            }
        });
    }
}
