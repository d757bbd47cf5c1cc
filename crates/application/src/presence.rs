//! Who was heard, and what follows from it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use federation_domain::{
    Cause, Channel, Clock, Condition, Evidence, Heartbeat, ListeningClock, LivenessRule, Monotonic,
    Project, ProjectStatus, Proof, Reading, Snapshot, Source, Transition,
};
use parking_lot::Mutex;
use time::OffsetDateTime;

use crate::entry::{Entry, Live};
use crate::metrics::{DropReason, Metrics};
use crate::queue::{Queued, TransitionQueue};
use crate::registry::Registry;

/// How often a source proves its hearing, after which silence is judged. A status thus turns
/// within this time after its threshold.
pub const TICK: Duration = Duration::from_millis(250);

/// How old a proof of hearing may be for a source to count as hearing now.
const HEARS_WITHIN: Duration = Duration::from_secs(2);

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
    nats: Hearing,
    http: Hearing,
}

/// A presence that does not keep its parts alive.
pub(crate) struct WeakPresence(Weak<Inner>);

impl WeakPresence {
    pub(crate) fn upgrade(&self) -> Option<Presence> {
        self.0.upgrade().map(Presence)
    }
}

/// What is known of one source.
struct Hearing {
    /// Whether the source is in use at all.
    enabled: bool,
    link: AtomicBool,
    clock: Mutex<ListeningClock>,
}

impl Hearing {
    fn new(enabled: bool) -> Self {
        Self { enabled, link: AtomicBool::new(false), clock: Mutex::default() }
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
        let (nats, http) = (Hearing::new(with_bus), Hearing::new(true));
        http.link.store(true, Ordering::Relaxed);
        Self(Arc::new(Inner { rule, clock, registry, queue, metrics, nats, http }))
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
        let reading = self.hearing(heartbeat.source).clock.lock().reading_at(arrived);
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
        let hearing = self.hearing(source);
        let (clock, deaf) = {
            let mut clock = hearing.clock.lock();
            let deaf = clock.hear(proof);
            (clock.clone(), deaf)
        };
        if !deaf.is_zero() {
            let deaf_ms = deaf.as_millis();
            tracing::warn!(%source, deaf_ms, "was deaf; this time counts as nobody's silence");
        }
        self.judge(source, &clock);
    }

    /// Notes whether the connection of a source hears.
    pub fn set_link(&self, source: Source, up: bool) {
        let before = self.hearing(source).link.swap(up, Ordering::Relaxed);
        match (before, up) {
            (false, true) => tracing::info!(%source, "the source hears"),
            (true, false) => tracing::warn!(%source, "the source lost its hearing"),
            _ => {}
        }
    }

    /// Whether the source is in use, connected, and proved its hearing in the last 2 s.
    #[must_use]
    pub fn hears(&self, source: Source) -> bool {
        let hearing = self.hearing(source);
        let now = self.now();
        hearing.enabled
            && hearing.link.load(Ordering::Relaxed)
            && hearing.clock.lock().hears(now, HEARS_WITHIN)
    }

    /// Whether the source is in use.
    #[must_use]
    pub fn uses(&self, source: Source) -> bool {
        self.hearing(source).enabled
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
        self.hearing(source).clock.lock().clone()
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
            let source = self.source_of(&project);
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
        let source = self.source_of(&project);
        let reading: Reading = self.hearing(source).clock.lock().reading_at(self.now());
        Entry::new(project, reading, source)
    }

    /// Through which moment each source in use was heard.
    pub(crate) fn heard_until(&self) -> Vec<(Source, OffsetDateTime)> {
        let (now, utc) = (self.now(), self.0.clock.utc());
        let in_use = Source::ALL.into_iter().filter(|&source| self.uses(source));
        in_use
            .filter_map(|source| {
                let proven = self.hearing(source).clock.lock().proven()?;
                Some((source, utc - now.since(proven)))
            })
            .collect()
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
                let source = self.source_of(stored);
                let age = Duration::try_from(inner.clock.utc() - at).unwrap_or_default();
                let reading = self.hearing(source).clock.lock().reading_at(self.now());
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

    /// One scan of the registry: whose silence has passed a threshold?
    fn judge(&self, source: Source, clock: &ListeningClock) {
        self.0.registry.for_each(|entry| {
            if self.fall(entry, source, clock).is_some() {
                self.let_fall(entry, source, clock);
            }
        });
    }

    /// The worse status that the silence of a project means, if it does.
    fn fall(
        &self,
        entry: &Entry,
        source: Source,
        clock: &ListeningClock,
    ) -> Option<(ProjectStatus, Duration)> {
        let current = entry.status();
        let (heard, heard_over) = entry.heard();
        if heard_over != source || current == ProjectStatus::Offline {
            return None;
        }
        let silence = clock.reading().since(heard);
        let thresholds = self.0.rule.thresholds(entry.interval());
        let evidence = Evidence { silence, settled: clock.settled() };
        let to = thresholds.after_silence(current, evidence);
        (to > current).then_some((to, silence))
    }

    fn let_fall(&self, entry: &Entry, source: Source, clock: &ListeningClock) {
        let mut live = entry.lock();
        entry.take_calm();
        // Looked at again behind the lock: a heartbeat may have come since.
        if let (Some((to, silence)), false) = (self.fall(entry, source, clock), live.removed) {
            let wall = entry.heard_at().map_or(silence, |at| {
                Duration::try_from(self.0.clock.utc() - at).unwrap_or_default()
            });
            let cause = Cause::Silence {
                silence_ms: millis(silence),
                deaf_ms: millis(wall.saturating_sub(silence)),
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

    /// The source on whose clock a project's silence is measured until it is heard here: the one
    /// it used last, if that one is still in use.
    fn source_of(&self, project: &Project) -> Source {
        let preferred = project.last_heartbeat_source.unwrap_or(Source::Nats);
        if self.uses(preferred) { preferred } else { Source::Http }
    }

    fn hearing(&self, source: Source) -> &Hearing {
        match source {
            Source::Nats => &self.0.nats,
            Source::Http => &self.0.http,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
