//! Keeper: stores observations of edges and lets them age.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use federation_domain::{
    Actor, EdgeAge, EdgeDetails, EdgeKey, EdgeKind, EdgeRejection, EdgeResult, EdgeSource,
    EdgeWrite, OBSERVATION_WRITTEN_EVERY, Reading, Slug, Source, StoreError, Strength, error_chain,
};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Graph;
use crate::bisection::{RejectedItems, store_acceptable};
use crate::metrics::{Metrics, ObservationRefusal};

/// Capacity of the queue of messages with observations.
const QUEUED: usize = 10_000;

/// Maximum number of messages taken in under one lock.
const TAKEN_AT_ONCE: usize = 200;

/// Maximum number of observed edges that wait for the store.
const WAITING: usize = 20_000;

/// Maximum number of writes per transaction.
const WRITTEN_AT_ONCE: usize = 500;

/// Interval at which waiting writes are retried.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Interval at which the age of all observed edges is checked.
const AGED_EVERY: Duration = Duration::from_secs(60);

/// Minimum interval between two writes of an edge whose observations contradict each other.
const CHANGED_EVERY: Duration = Duration::from_secs(10);

/// An observed edge, without the project at which it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedEdge {
    /// The project that is used.
    pub to: Slug,
    /// Kind of use.
    pub kind: EdgeKind,
    /// Strength.
    pub strength: Strength,
    /// Details.
    pub details: Option<EdgeDetails>,
}

/// Edges that a project reported in one message.
#[derive(Debug)]
struct Observation {
    from: Slug,
    edges: Vec<ObservedEdge>,
    at: OffsetDateTime,
    heard: Reading,
}

/// Takes observations of edges. Cheap to clone.
#[derive(Clone)]
pub struct EdgeObserver {
    graph: Graph,
    metrics: Metrics,
    queue: mpsc::Sender<Observation>,
}

impl EdgeObserver {
    /// Takes the edges that a project reported. Returns at once. What cannot be taken is counted and
    /// dropped, because projects repeat their edges.
    pub fn observe(&self, from: Slug, edges: Vec<ObservedEdge>) {
        let catalog = &self.graph.0.catalog;
        if catalog.registry().get(from.as_str()).is_none() {
            return self.metrics.edges_refused(ObservationRefusal::UnknownProject, edges.len());
        }
        let at = catalog.now();
        let heard = catalog.presence().listening().reading_of_time(Source::Nats, at);
        let count = edges.len();
        if self.queue.try_send(Observation { from, edges, at, heard }).is_err() {
            self.metrics.edges_refused(ObservationRefusal::Overload, count);
        }
    }

    /// Checks that a project has this mesh namespace.
    ///
    /// # Errors
    /// Returns [`ObservationRefusal::Spoofed`] if it has another one, and
    /// [`ObservationRefusal::UnknownProject`] if it is not registered.
    pub fn is_in_namespace(&self, slug: &Slug, namespace: &str) -> Result<(), ObservationRefusal> {
        let entry = self.graph.0.catalog.registry().get(slug.as_str());
        let entry = entry.ok_or(ObservationRefusal::UnknownProject)?;
        let live = entry.lock();
        let own = live.project.mesh_namespace.as_ref();
        let is_own = own.is_some_and(|own| own.as_str() == namespace);
        if is_own { Ok(()) } else { Err(ObservationRefusal::Spoofed) }
    }

    /// Counts a message or an edge that the adapter refused.
    pub fn refuse(&self, reason: ObservationRefusal) {
        self.metrics.edges_refused(reason, 1);
    }
}

/// Stores observations of edges and lets them age. A process runs exactly one.
pub struct EdgeKeeper {
    graph: Graph,
    metrics: Metrics,
    observations: mpsc::Receiver<Observation>,
    /// Newest observation of each edge that has to be written.
    waiting: BTreeMap<EdgeKey, Waiting>,
    /// Edges that the store rejected, with the time.
    rejected: BTreeMap<EdgeKey, OffsetDateTime>,
    /// The last failure of the store was logged.
    is_logged: bool,
}

#[derive(Debug, Clone)]
struct Waiting {
    strength: Strength,
    details: Option<EdgeDetails>,
    at: OffsetDateTime,
}

impl EdgeKeeper {
    /// Creates the keeper of a process and the observer that feeds it.
    pub(crate) fn new(graph: Graph, metrics: Metrics) -> (EdgeObserver, Self) {
        let (queue, observations) = mpsc::channel(QUEUED);
        let observer = EdgeObserver { graph: graph.clone(), metrics: metrics.clone(), queue };
        let waiting = BTreeMap::new();
        let rejected = BTreeMap::new();
        (observer, Self { graph, metrics, observations, waiting, rejected, is_logged: false })
    }

    /// Stores observations until cancelled, then writes what still waits.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut retries = interval(RETRY_EVERY);
        retries.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut agings = interval(AGED_EVERY);
        agings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = Vec::new();
        loop {
            let stored = tokio::select! {
                () = cancel.cancelled() => break,
                count = self.observations.recv_many(&mut taken, TAKEN_AT_ONCE) => {
                    if count == 0 {
                        break;
                    }
                    self.take_in(&mut taken);
                    self.flush().await
                }
                _ = retries.tick() => self.flush().await,
                _ = agings.tick() => self.age().await,
            };
            self.note(stored);
        }
        while let Ok(observation) = self.observations.try_recv() {
            taken.push(observation);
        }
        self.take_in(&mut taken);
        let stored = self.flush().await;
        self.note(stored);
    }

    /// Takes in everything that was observed, writes what has to be written, and lets edges age. For
    /// tests.
    ///
    /// # Errors
    /// Returns [`StoreError`]; what was not stored waits for the next call.
    pub async fn step(&mut self) -> Result<(), StoreError> {
        let mut taken = Vec::new();
        while let Ok(observation) = self.observations.try_recv() {
            taken.push(observation);
        }
        self.take_in(&mut taken);
        self.flush().await?;
        self.age().await
    }

    /// Records observations in memory. Those that the store does not have yet wait for the next flush.
    fn take_in(&mut self, observations: &mut Vec<Observation>) {
        let table = std::sync::Arc::clone(&self.graph.0.table);
        let mut links = table.observe();
        let mut is_changed = false;
        for Observation { from, edges, at, heard } in observations.drain(..) {
            let created_at = self.created_at(&from);
            for ObservedEdge { to, kind, strength, details } in edges {
                let Ok(key) = EdgeKey::new(from.clone(), to, kind) else {
                    self.metrics.edges_refused(ObservationRefusal::ToItself, 1);
                    continue;
                };
                let is_stored = links.update(&key, EdgeSource::Observed, |live| {
                    // It may have been observed for a project that was removed and registered again.
                    is_changed |= created_at
                        .is_some_and(|at| !EdgeSource::Observed.is_valid(live.last_seen_at, at));
                    let says_the_same =
                        live.strength == strength && live.details == details && !live.stale;
                    if says_the_same {
                        live.last_seen_at = live.last_seen_at.max(at);
                        live.heard = live.heard.max(heard);
                    }
                    let is_recent = at - live.stored_at < OBSERVATION_WRITTEN_EVERY
                        && created_at.is_none_or(|created_at| live.stored_at >= created_at);
                    says_the_same && is_recent
                });
                let is_stored = is_stored.unwrap_or(false);
                self.metrics.edge_observed();
                let is_rejected = self
                    .rejected
                    .get(&key)
                    .is_some_and(|rejected_at| at - *rejected_at < OBSERVATION_WRITTEN_EVERY);
                if is_stored || is_rejected {
                    self.waiting.remove(&key);
                } else if self.waiting.len() < WAITING || self.waiting.contains_key(&key) {
                    self.waiting.insert(key, Waiting { strength, details, at });
                } else {
                    self.metrics.edges_refused(ObservationRefusal::Overload, 1);
                }
            }
        }
        drop(links);
        if is_changed {
            table.touch();
        }
    }

    fn created_at(&self, slug: &Slug) -> Option<OffsetDateTime> {
        let entry = self.graph.0.catalog.registry().get(slug.as_str())?;
        let created_at = entry.lock().project.created_at;
        Some(created_at)
    }

    /// Writes the observations that wait. Those that contradict a recent one wait longer.
    async fn flush(&mut self) -> Result<(), StoreError> {
        loop {
            let keys: Vec<_> = self.due();
            if keys.is_empty() {
                return Ok(());
            }
            let write = |key: &EdgeKey| {
                let Waiting { strength, details, at } = self.waiting.get(key)?.clone();
                Some(EdgeWrite::declare(key.clone(), EdgeSource::Observed, strength, details, at))
            };
            let writes: Vec<_> = keys.iter().filter_map(write).collect();
            let (journal, too_many) = (&self.graph.0.journal, &AtomicUsize::new(0));
            let stored = store_acceptable(&writes, |part| async move {
                let results = journal.write_edges(part, false, Actor::NATS).await?;
                let is_too_many =
                    |result: &&EdgeResult| **result == EdgeResult::Rejected(EdgeRejection::TooMany);
                too_many.fetch_add(results.iter().filter(is_too_many).count(), Ordering::Relaxed);
                Ok(())
            });
            let (decided, failed) = match stored.await {
                Ok(rejected) => {
                    self.note_rejected(&writes, &rejected);
                    (keys.len(), Ok(()))
                }
                Err((error, decided)) => (decided, Err(error)),
            };
            keys.iter().take(decided).for_each(|key| drop(self.waiting.remove(key)));
            let too_many = too_many.load(Ordering::Relaxed);
            if too_many > 0 {
                self.metrics.edges_refused(ObservationRefusal::TooMany, too_many);
            }
            failed?;
        }
    }

    /// Counts and logs observations that the store rejects for good. They are dropped, and so are those
    /// of the same edges in the next hour.
    fn note_rejected(&mut self, writes: &[EdgeWrite], rejected: &RejectedItems) {
        let (Some(error), Some(&place)) = (&rejected.first, rejected.places.first()) else {
            return;
        };
        let count = rejected.places.len();
        self.metrics.edges_refused(ObservationRefusal::Rejected, count);
        let (edge, error) = (writes[place].key.to_string(), error_chain(error));
        tracing::error!(edge, count, error, "store rejects observed edges; they are dropped");
        let now = self.graph.0.catalog.now();
        if self.rejected.len() + count > WAITING {
            self.rejected.clear();
        }
        let keys = rejected.places.iter().map(|place| writes[*place].key.clone());
        self.rejected.extend(keys.map(|key| (key, now)));
    }

    fn due(&self) -> Vec<EdgeKey> {
        let now = self.graph.0.catalog.now();
        let links = self.graph.0.table.read();
        let is_due = |key: &EdgeKey| {
            links.claim(key, EdgeSource::Observed).is_none_or(|live| {
                live.stale
                    || (now - live.stored_at).unsigned_abs() >= CHANGED_EVERY
                    || self.created_at(key.from()).is_some_and(|at| live.stored_at < at)
            })
        };
        self.waiting.keys().filter(|key| is_due(key)).take(WRITTEN_AT_ONCE).cloned().collect()
    }

    /// Marks observed edges as stale or removes them, according to the time for which this replica has
    /// listened without observing them.
    async fn age(&self) -> Result<(), StoreError> {
        let at = self.graph.0.catalog.now();
        loop {
            let writes = self.aged(at);
            if writes.is_empty() {
                return Ok(());
            }
            let is_part = writes.len() == WRITTEN_AT_ONCE;
            self.graph.0.journal.write_edges(writes, false, Actor::SERVICE).await?;
            if !is_part {
                return Ok(());
            }
        }
    }

    fn aged(&self, at: OffsetDateTime) -> Vec<EdgeWrite> {
        let hearing = self.graph.0.catalog.presence().listening().snapshot();
        let bus = hearing.of(Source::Nats);
        let links = self.graph.0.table.read();
        let observed = links.claims().filter(|claim| claim.source == EdgeSource::Observed);
        let aged = observed.filter_map(|claim| {
            let age = EdgeAge::after(bus.evidence(claim.live.heard).silence);
            let is_older = match age {
                EdgeAge::Fresh => false,
                EdgeAge::Stale => !claim.live.stale,
                EdgeAge::Expired => true,
            };
            if !is_older {
                return None;
            }
            Some(EdgeWrite::age(claim.key()?, age, claim.live.last_seen_at, at))
        });
        aged.take(WRITTEN_AT_ONCE).collect()
    }

    /// Logs an outage once.
    fn note(&mut self, stored: Result<(), StoreError>) {
        match stored {
            Ok(()) => self.is_logged = false,
            Err(error) => {
                let (error, waiting) = (error_chain(&error), self.waiting.len());
                if self.is_logged {
                    tracing::debug!(error, waiting, "edges still cannot be stored");
                } else {
                    tracing::warn!(error, waiting, "edges cannot be stored; they wait in memory");
                }
                self.is_logged = true;
            }
        }
    }
}
