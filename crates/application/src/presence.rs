//! Who was heard, and what follows from it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use federation_domain::{
    Cause, Channel, Clock, Condition, Heartbeat, Listened, ListeningClock, LivenessRule, Monotonic,
    Project, ProjectStatus, Proof, Reading, Snapshot, Source, Transition,
};

use crate::entry::{Entry, Live};
use crate::metrics::{DropReason, Metrics};
use crate::queue::{Queued, TransitionQueue};
use crate::registry::Registry;
use crate::sources::Sources;

mod adopt;
mod knowledge;
mod silence;

pub use knowledge::ProjectState;

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

    /// Records a heartbeat that has just arrived: one look-up and two atomic writes, unless it
    /// changes the status of the project or what that reports of itself.
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
        self.0.sources.prove(source, proof);
        self.judge(source);
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
        self.0.registry.fill(entries.collect());
    }

    /// An entry for a project that is new to the registry; if it was heard, its silence begins now.
    pub(crate) fn entry(&self, project: Project) -> Entry {
        let source = self.0.sources.of_project(&project);
        let reading = self.0.sources.reading_at(source, self.now());
        entry_heard_at(project, reading, source)
    }

    /// The present spell of listening of each source in use.
    pub(crate) fn listened(&self) -> Vec<Listened> {
        self.0.sources.listened()
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
        if to == live.project.status && before != live.project.reports {
            // Stored with the next checkpoint: words alone are not worth a write each.
            entry.change_reports();
        } else if to != live.project.status {
            let spoken = heartbeat.condition.is_some() || heartbeat.channel == Channel::Health;
            let cause = if live.project.reports.is_degraded() && spoken {
                Cause::reported(&live.project.reports)
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
        if to != live.project.status {
            live.project.status = to;
            live.project.updated_at = live.project.updated_at.max(at);
        }
        if !self.0.queue.has_room_for(entry.id) {
            live.unsent = Some(cause);
            return;
        }
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
        if let (Some(cause), false) = (live.unsent.take(), live.removed) {
            let status = live.project.status;
            self.turn(entry, &mut live, status, cause);
        }
    }
}

fn entry_heard_at(project: Project, reading: Reading, source: Source) -> Entry {
    // A row that another program wrote may be online without a heartbeat: it may fall too.
    let was_heard = project.last_heartbeat_at.is_some() || project.status != ProjectStatus::Offline;
    Entry::new(project, was_heard.then_some((reading, source)))
}
