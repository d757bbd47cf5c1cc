//! Who was heard, and what follows from it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use federation_domain::{
    Cause, Channel, Clock, Condition, Heartbeat, ListeningClock, LivenessRule, Monotonic, Project,
    ProjectStatus, Proof, Snapshot, Source, Transition,
};
use time::OffsetDateTime;

use crate::entry::{Entry, Live};
use crate::metrics::{DropReason, Metrics};
use crate::queue::{Queued, TransitionQueue};
use crate::registry::Registry;
use crate::sources::Sources;

mod silence;

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
}

/// A presence that does not keep its parts alive.
pub(crate) struct WeakPresence(Weak<Inner>);

impl WeakPresence {
    pub(crate) fn upgrade(&self) -> Option<Presence> {
        self.0.upgrade().map(Presence)
    }
}

impl Presence {
    pub(crate) fn new(
        rule: LivenessRule,
        clock: Arc<dyn Clock>,
        registry: Arc<Registry>,
        queue: Arc<TransitionQueue>,
        metrics: Metrics,
        with_bus: bool,
    ) -> Self {
        let sources = Sources::new(Arc::clone(&clock), with_bus);
        Self(Arc::new(Inner { rule, clock, registry, queue, metrics, sources }))
    }

    /// Records a heartbeat that has just arrived: one look-up and two atomic stores, unless the
    /// heartbeat changes a status.
    ///
    /// # Errors
    /// [`RecordError`]; the heartbeat was counted as unknown, nothing else happened.
    pub fn record_heartbeat(&self, heartbeat: &Heartbeat<'_>) -> Result<(), RecordError> {
        let inner = &*self.0;
        let arrived = inner.clock.monotonic();
        let Some(entry) = inner.registry.get(heartbeat.slug) else {
            if !inner.registry.is_loaded() {
                return Err(RecordError::NotLoaded);
            }
            inner.metrics.heartbeat_unknown(heartbeat.source);
            return Err(RecordError::UnknownProject);
        };
        let reading = inner.sources.reading_at(heartbeat.source, arrived);
        let calm = entry.hear(reading, heartbeat.source, inner.clock.utc());
        let reports_trouble = matches!(heartbeat.condition, Some(Condition::Degraded { .. }));
        if !calm || reports_trouble {
            self.take_in(&entry, heartbeat);
        }
        let took = inner.clock.monotonic().since(arrived);
        inner.metrics.heartbeat_taken_in(heartbeat.source, took);
        Ok(())
    }

    /// Advances the listening clock of a source and judges the silence of its projects.
    pub fn prove_hearing(&self, source: Source, proof: Proof) {
        let (clock, deaf) = self.0.sources.prove(source, proof);
        if !deaf.is_zero() {
            let deaf_ms = deaf.as_millis();
            tracing::warn!(%source, deaf_ms, "was deaf; this time counts as nobody's silence");
        }
        self.judge(source, &clock);
    }

    /// Notes whether the connection of a source hears.
    pub fn set_link(&self, source: Source, up: bool) {
        match (self.0.sources.set_link(source, up), up) {
            (false, true) => tracing::info!(%source, "the source hears"),
            (true, false) => tracing::warn!(%source, "the source lost its hearing"),
            _ => {}
        }
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
        let until = |source| {
            snapshot.heard_until.iter().find(|(known, _)| *known == source).map(|(_, at)| *at)
        };
        let heard_until = Source::ALL.map(until);
        let entries = snapshot.projects.into_iter().map(|project| {
            let source = self.0.sources.of_project(&project);
            let at = match source {
                Source::Nats => 0,
                Source::Http => 1,
            };
            let silence = match (project.last_heartbeat_at, heard_until[at]) {
                (Some(last), Some(until)) => Duration::try_from(until - last).unwrap_or_default(),
                _ => Duration::ZERO,
            };
            let heard = self.listening(source).reading().before(silence);
            (project.slug.clone(), Entry::new(project, heard, source))
        });
        self.0.registry.fill(entries.collect());
    }

    /// An entry for a project that is new to the registry; its silence begins now.
    pub(crate) fn entry(&self, project: Project) -> Entry {
        let source = self.0.sources.of_project(&project);
        let reading = self.0.sources.reading_at(source, self.now());
        Entry::new(project, reading, source)
    }

    /// Through which moment each source in use was heard.
    pub(crate) fn heard_until(&self) -> Vec<(Source, OffsetDateTime)> {
        self.0.sources.heard_until()
    }

    /// Takes over what the store knows better than we did, then decides anew.
    pub(crate) fn adopt(&self, entry: &Entry, stored: &Project) {
        let inner = &*self.0;
        let mut live = entry.lock();
        entry.take_calm();
        let ours = entry.heard_at();
        let believed = live.project.clone();
        live.project.status = stored.status;
        live.project.updated_at = stored.updated_at.max(believed.updated_at);
        if stored.last_heartbeat_at > ours {
            // Another replica heard more. Its heartbeat becomes ours, as old as it is.
            live.project.reports = stored.reports.clone();
            if let Some(at) = stored.last_heartbeat_at {
                let source = inner.sources.of_project(stored);
                let age = Duration::try_from(inner.clock.utc() - at).unwrap_or_default();
                let reading = inner.sources.reading_at(source, self.now());
                entry.hear(reading.before(age), source, at);
            }
        } else if believed.status != stored.status {
            let cause = Cause::Heartbeat { source: entry.heard().1 };
            live.project.reports = believed.reports.clone();
            self.turn(entry, &mut live, believed.status, cause);
        }
        entry.publish(&live);
    }

    /// A heartbeat that may change a status.
    fn take_in(&self, entry: &Entry, heartbeat: &Heartbeat<'_>) {
        let mut live = entry.lock();
        if live.removed {
            return;
        }
        let before = live.project.reports.clone();
        live.project.reports.hear(heartbeat.channel, heartbeat.condition.as_ref());
        let to = live.project.reports.status();
        if to != live.project.status || before != live.project.reports {
            let reasons: Vec<String> = live.project.reports.reasons().map(str::to_owned).collect();
            let spoken = heartbeat.condition.is_some() || heartbeat.channel == Channel::Health;
            let cause = if live.project.reports.is_degraded() && spoken {
                Cause::Reported { reasons }
            } else {
                Cause::Heartbeat { source: heartbeat.source }
            };
            self.turn(entry, &mut live, to, cause);
        }
        entry.publish(&live);
    }

    /// Changes the status in memory and sends the change on its way to the store.
    fn turn(&self, entry: &Entry, live: &mut Live, to: ProjectStatus, cause: Cause) {
        let at = self.0.clock.utc();
        let from = live.project.status;
        live.project.status = to;
        if to != from {
            live.project.updated_at = live.project.updated_at.max(at);
        }
        let last_heartbeat_at = entry.heard_at();
        let transition = Transition {
            project: entry.id,
            slug: live.project.slug.clone(),
            from,
            to,
            reports: live.project.reports.clone(),
            last_heartbeat_at,
            last_heartbeat_source: last_heartbeat_at.map(|_| entry.heard().1),
            at,
            cause,
        };
        let ticket = self.0.queue.draw_ticket();
        entry.queue(ticket);
        self.0.queue.push(Queued { ticket, transition });
    }
}
