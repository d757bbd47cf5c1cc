//! Who was heard, and what follows from it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use federation_domain::{
    Cause, Clock, HeartbeatRelay, Listened, ListeningClock, LivenessRule, Monotonic, Prober,
    Project, ProjectStatus, Proof, Reading, Snapshot, Source, Transition,
};

use crate::entry::{Entry, Finding, Live};
use crate::metrics::{DropReason, Metrics};
use crate::queue::{Queued, TransitionQueue};
use crate::registry::Registry;
use crate::sources::Sources;

mod adopt;
mod backlog;
mod evidence;
mod knowledge;
mod probes;
mod recording;
mod silence;

use backlog::Backlog;
pub(crate) use knowledge::Ears;
pub use knowledge::ProjectState;
use probes::Probes;
pub use recording::Record;

/// How often a source proves its hearing, after which silence is judged. A status thus turns
/// within this time after its threshold.
pub const TICK: Duration = Duration::from_millis(250);

/// Why a heartbeat was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is no such project in the catalog.
    #[error("the project is not in the catalog")]
    UnknownProject,
    /// The catalog was not read yet.
    #[error("the catalog is not loaded yet")]
    NotLoaded,
}

/// Records heartbeats, keeps the listening clocks, decides statuses. Cheap to clone.
#[derive(Clone)]
pub struct Presence(Arc<Inner>);

struct Inner {
    rule: LivenessRule,
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    queue: Arc<TransitionQueue>,
    metrics: Metrics,
    sources: Sources,
    surroundings: Surroundings,
    relay: Option<Arc<dyn HeartbeatRelay>>,
    /// Whether a heartbeat was handed on that no checkpoint out of turn has stored.
    relayed: AtomicBool,
    /// Whether one could not be handed on.
    unrelayed: AtomicBool,
    /// Whether the bus brings what other replicas hand on.
    relays_heard: AtomicBool,
    /// Whether the process is stopping, and judges nobody any more.
    retired: AtomicBool,
    probes: Option<Probes>,
    backlog: Backlog,
}

/// What a presence is made of.
pub(crate) struct Parts {
    pub(crate) rule: LivenessRule,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) queue: Arc<TransitionQueue>,
    pub(crate) metrics: Metrics,
    pub(crate) surroundings: Surroundings,
    pub(crate) relay: Option<Arc<dyn HeartbeatRelay>>,
    pub(crate) prober: Option<Arc<dyn Prober>>,
}

/// Among what a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// Whether heartbeats come over NATS too.
    pub bus: bool,
    /// Whether other replicas may use the store too. Their HTTP heartbeats are heard here over the
    /// bus, so HTTP hears no better than the bus does.
    pub shared_store: bool,
}

/// A presence that does not keep its parts alive.
pub(crate) struct WeakPresence(Weak<Inner>);

impl WeakPresence {
    pub(crate) fn upgrade(&self) -> Option<Presence> {
        self.0.upgrade().map(Presence)
    }
}

impl Presence {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { rule, clock, registry, queue, metrics, surroundings, relay, prober } = parts;
        let sources = Sources::new(Arc::clone(&clock), surroundings.bus);
        let probes = prober.map(Probes::new);
        Self(Arc::new(Inner {
            rule,
            clock,
            registry,
            queue,
            metrics,
            sources,
            surroundings,
            relay,
            relayed: AtomicBool::new(false),
            unrelayed: AtomicBool::new(false),
            relays_heard: AtomicBool::new(true),
            retired: AtomicBool::new(false),
            probes,
            backlog: Backlog::default(),
        }))
    }

    /// Advances the listening clock of a source and judges the silence of its projects. Where other
    /// replicas hand on over the bus what they hear over HTTP, a proof of the bus is one of HTTP.
    pub fn prove_hearing(&self, source: Source, proof: Proof) {
        self.0.sources.prove(source, proof);
        if source == Source::Nats {
            self.decide();
        }
        let also_http = source == Source::Nats
            && self.hears_http_over_bus()
            && self.0.relays_heard.load(Ordering::Relaxed);
        if also_http {
            self.0.sources.prove(Source::Http, proof);
        }
        self.judge(|used| used == source || also_http);
    }

    /// At each tick: HTTP hears while this process runs, unless it depends on the bus.
    pub(crate) fn prove_http(&self) {
        if !self.hears_http_over_bus() {
            let proof = Proof { heard_through: self.now(), unbroken: true };
            self.prove_hearing(Source::Http, proof);
        }
    }

    fn hears_http_over_bus(&self) -> bool {
        self.0.surroundings.bus && self.0.surroundings.shared_store
    }

    /// Judges nobody's silence from here on; heartbeats still count. A process that stops no longer
    /// takes calls, so who speaks over HTTP would seem silent to it.
    pub fn retire(&self) {
        self.0.retired.store(true, Ordering::Relaxed);
    }

    /// Notes whether the connection of a source hears.
    pub fn set_link(&self, source: Source, up: bool) {
        match (self.0.sources.set_link(source, up), up) {
            (false, true) if self.0.sources.is_first_link(source) => {
                tracing::debug!(%source, "source receives heartbeats");
            }
            (false, true) => tracing::info!(%source, "source receives heartbeats again"),
            (true, false) => tracing::warn!(
                %source,
                "source cannot receive heartbeats; offline detection is paused"
            ),
            _ => {}
        }
    }

    /// Notes whether the bus brings the heartbeats that other replicas hand on. While it does not,
    /// though other replicas may share the store, HTTP is deaf.
    pub fn set_relays_heard(&self, heard: bool) {
        self.0.relays_heard.store(heard, Ordering::Relaxed);
    }

    /// Whether the source is in use, connected, and proved its hearing in the last 2 s.
    #[must_use]
    pub fn hears(&self, source: Source) -> bool {
        self.0.sources.hears(source)
    }

    /// Whether the source is in use.
    #[must_use]
    pub fn uses(&self, source: Source) -> bool {
        self.0.sources.uses(source)
    }

    /// Counts a heartbeat that the adapter refused.
    pub fn drop_heartbeat(&self, source: Source, reason: DropReason) {
        self.0.metrics.heartbeat_refused(source, reason);
    }

    /// Counts a project that could not register itself now, because too many others did; its next
    /// heartbeat is another chance.
    pub fn drop_newcomer(&self) {
        self.0.metrics.newcomer_dropped();
    }

    /// Counts an optional field of a heartbeat that made no sense and was passed over.
    pub fn ignore_field(&self, source: Source) {
        self.0.metrics.field_ignored(source);
    }

    /// The monotonic time, for [`Proof::heard_through`].
    #[must_use]
    pub fn now(&self) -> Monotonic {
        self.0.clock.monotonic()
    }

    /// The listening clock of a source, as it stands.
    #[must_use]
    pub fn listening(&self, source: Source) -> ListeningClock {
        self.0.sources.listening(source)
    }

    pub(crate) fn downgrade(&self) -> WeakPresence {
        WeakPresence(Arc::downgrade(&self.0))
    }

    /// Fills the registry at the start. Silence goes on from where the store saw it last.
    pub(crate) fn resume(&self, snapshot: Snapshot) {
        let sources = &self.0.sources;
        let spell = |source| snapshot.listened.iter().find(|spell| spell.source == source);
        let entries = snapshot.projects.into_iter().map(|project| {
            let source = sources.of_project(&project);
            let silence = spell(source)
                .map(|spell| sources.silence_before(project.last_heartbeat_at, spell))
                .unwrap_or_default();
            let heard = self.listening(source).reading().before(silence);
            (project.slug.clone(), entry_heard_at(project, heard, source))
        });
        self.0.registry.fill(entries);
    }

    /// An entry for a project that is new to the registry; if it was heard, its silence begins now.
    pub(crate) fn entry(&self, project: Project) -> Entry {
        let source = self.0.sources.of_project(&project);
        let reading = self.0.sources.reading_at(source, self.now());
        entry_heard_at(project, reading, source)
    }

    /// Notes that all that other replicas wrote to the store is known here.
    pub(crate) fn note_followed(&self) {
        self.0.sources.note_followed();
    }

    /// The present spell of listening of each source in use.
    pub(crate) fn listened(&self) -> Vec<Listened> {
        self.0.sources.listened()
    }

    /// A project that was heard has the status that it gives itself.
    fn follow_reports(&self, entry: &Entry, live: &mut Live, source: Source) {
        let to = live.project.reports.status();
        if to != live.project.status {
            let cause = match to {
                ProjectStatus::Online => Cause::Heartbeat { source },
                _ => Cause::reported(&live.project.reports),
            };
            self.turn(entry, live, to, self.found(cause));
        }
    }

    /// A finding of now.
    fn found(&self, cause: Cause) -> Finding {
        Finding { at: self.0.clock.utc(), cause }
    }

    /// Changes the status in memory and sends the change on its way to the store.
    fn turn(&self, entry: &Entry, live: &mut Live, to: ProjectStatus, finding: Finding) {
        if to != live.project.status {
            live.project.status = to;
            live.project.updated_at = live.project.updated_at.max(finding.at);
            entry.show_status(live);
            self.0.registry.touch();
        }
        if !self.0.queue.has_room_for(entry.id) {
            live.unsent = Some(Box::new(finding));
            return;
        }
        let Finding { at, cause } = finding;
        let (last_heartbeat_at, last_heartbeat_source) = entry.newest().unzip();
        let transition = Transition {
            project: entry.id,
            slug: live.project.slug.clone(),
            from: std::mem::replace(&mut live.sent, to),
            to,
            reports: live.project.reports.clone(),
            last_heartbeat_at,
            last_heartbeat_source,
            at,
            cause,
        };
        live.unsent = None;
        let ticket = self.0.queue.draw_ticket();
        entry.queue(ticket);
        self.0.queue.push(Queued { ticket, transition });
    }

    /// Sends what had no room before, now that the store has decided on what waited.
    pub(crate) fn catch_up(&self, entry: &Entry) {
        let mut live = entry.lock();
        if let (Some(finding), false) = (live.unsent.take(), live.removed) {
            let status = live.project.status;
            self.turn(entry, &mut live, status, *finding);
        }
    }
}

fn entry_heard_at(project: Project, reading: Reading, source: Source) -> Entry {
    // A row that another program wrote may be online without a heartbeat: it may fall too.
    let was_heard = project.last_heartbeat_at.is_some() || project.status != ProjectStatus::Offline;
    Entry::new(project, was_heard.then_some((reading, source)))
}
