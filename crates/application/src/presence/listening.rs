//! Listening: the times at which each source could receive heartbeats.
//!
//! Owns the listening clock and the link of each source, whether the bus carries the heartbeats
//! relayed by other replicas, and when the change log was last read to its end. It does not depend
//! on statuses or thresholds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_domain::{Clock, Monotonic, Project, Proof, Reading, Source};
use parking_lot::Mutex;
use time::OffsetDateTime;

use self::source::SourceState;

mod entries;
mod reports;
mod snapshot;
mod source;

pub(crate) use snapshot::HearingSnapshot;

/// Interval at which a source proves its hearing, after which silence is judged. A status changes
/// within this time after its threshold.
pub const TICK: Duration = Duration::from_millis(250);

/// Age up to which a proof counts as hearing now.
const HEARS_WITHIN: Duration = Duration::from_secs(2);

/// Age up to which the last read of the change log counts as following other replicas. The log is
/// read every second.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(3);

/// Pause of this process up to which HTTP clients wait for their answers. After a longer one, their
/// heartbeats may be lost.
const HTTP_PATIENCE: Duration = Duration::from_secs(5);

/// Surroundings of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deployment {
    /// Heartbeats also arrive over NATS.
    pub bus: bool,
    /// Other replicas may use the same store. Their HTTP heartbeats arrive here over the bus, so
    /// HTTP hears no better than the bus does.
    pub shared_store: bool,
}

/// The listening clocks and links of all sources.
pub struct Listening {
    clock: Arc<dyn Clock>,
    deployment: Deployment,
    /// In the order of [`Source::ALL`].
    sources: [SourceState; 2],
    /// The bus delivers the heartbeats that other replicas relay.
    relays_heard: AtomicBool,
    log_read_at: Mutex<Option<Monotonic>>,
}

impl Listening {
    /// HTTP, which cannot lose its link, and NATS if there is a bus.
    pub(crate) fn new(clock: Arc<dyn Clock>, deployment: Deployment) -> Self {
        Self {
            clock,
            deployment,
            sources: [SourceState::new(deployment.bus, false), SourceState::new(true, true)],
            relays_heard: AtomicBool::new(true),
            log_read_at: Mutex::default(),
        }
    }

    /// Applies a proof of hearing. Returns which sources it proved, in the order of
    /// [`Source::ALL`].
    pub(crate) fn prove(&self, source: Source, proof: Proof) -> [bool; 2] {
        let also_http = source == Source::Nats
            && self.http_depends_on_bus()
            && self.relays_heard.load(Ordering::Relaxed);
        Source::ALL.map(|one| {
            let is_proven = one == source || (one == Source::Http && also_http);
            if is_proven {
                let unbroken =
                    proof.unbroken && !(one == Source::Http && self.tries_patience(proof));
                self.state(one).prove(one, Proof { unbroken, ..proof });
            }
            is_proven
        })
    }

    /// HTTP clients gave up on requests before this proof.
    fn tries_patience(&self, proof: Proof) -> bool {
        let proven = self.state(Source::Http).proven();
        proven.is_some_and(|proven| proof.heard_through.since(proven) > HTTP_PATIENCE)
    }

    /// Proof that HTTP hears now, because this process runs; `None` if HTTP depends on the bus.
    pub(super) fn http_proof(&self) -> Option<Proof> {
        let proof = Proof { heard_through: self.clock.monotonic(), unbroken: true };
        (!self.http_depends_on_bus()).then_some(proof)
    }

    /// Heartbeats that other replicas receive over HTTP arrive here over the bus.
    pub(super) fn http_depends_on_bus(&self) -> bool {
        self.deployment.bus && self.deployment.shared_store
    }

    /// Records whether the connection of a source is up.
    pub fn set_link(&self, source: Source, up: bool) {
        self.state(source).set_link(source, up);
    }

    /// Records whether the bus carries the heartbeats that other replicas relay. While it does not
    /// and other replicas may share the store, HTTP is deaf.
    pub fn set_relays_heard(&self, heard: bool) {
        self.relays_heard.store(heard, Ordering::Relaxed);
    }

    /// Returns `true` if the source is in use, connected, and proved its hearing in the last 2 s.
    #[must_use]
    pub fn hears(&self, source: Source) -> bool {
        self.state(source).hears(self.clock.monotonic())
    }

    /// Returns `true` if the source is in use.
    #[must_use]
    pub fn uses(&self, source: Source) -> bool {
        self.state(source).is_used()
    }

    /// Records that the change log was read to its end.
    pub(crate) fn note_followed(&self) {
        *self.log_read_at.lock() = Some(self.clock.monotonic());
    }

    /// Returns `true` if the changes of other replicas in the store are known here.
    fn follows(&self, now: Monotonic) -> bool {
        self.log_read_at.lock().is_some_and(|read_at| now.since(read_at) <= FOLLOWED_WITHIN)
    }

    /// Readings to note for heartbeats that arrive at `now`, in the order of [`Source::ALL`].
    pub(super) fn readings_at(&self, now: Monotonic) -> [Reading; 2] {
        Source::ALL.map(|source| self.state(source).reading_at(now))
    }

    /// Reading to note for a heartbeat that another process heard this long ago. Only the time
    /// since the last interruption counts as listened.
    pub(super) fn reading_of_heartbeat(&self, source: Source, age: Duration) -> Reading {
        let Monotonic(now) = self.clock.monotonic();
        self.state(source).reading_at(Monotonic(now.saturating_sub(age)))
    }

    /// Reading at this time of day. Only the time since the last interruption counts as listened.
    pub(crate) fn reading_of_time(&self, source: Source, at: OffsetDateTime) -> Reading {
        let age = Duration::try_from(self.clock.utc() - at).unwrap_or_default();
        self.reading_of_heartbeat(source, age)
    }

    /// Age of the newest proof of the bus; `None` before its first proof.
    pub(super) fn bus_lag(&self, now: Monotonic) -> Option<Duration> {
        Some(now.since(self.state(Source::Nats).proven()?))
    }

    /// Source whose clock measures the silence of a project until it is heard here: the source it
    /// used last, if that one is still in use.
    pub(crate) fn source_of(&self, project: &Project) -> Source {
        let preferred = project.last_heartbeat_source.unwrap_or(Source::Nats);
        if self.uses(preferred) { preferred } else { Source::Http }
    }

    fn state(&self, source: Source) -> &SourceState {
        &self.sources[source.index()]
    }
}

#[cfg(test)]
mod tests;
