//! How well each source hears.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_domain::{
    Clock, Listened, ListeningClock, Monotonic, Project, Proof, Reading, Source,
};
use parking_lot::Mutex;
use time::OffsetDateTime;

/// How old a proof of hearing may be for a source to count as hearing now.
const HEARS_WITHIN: Duration = Duration::from_secs(2);

/// How old the last look at the change log may be for a replica to know what others wrote there:
/// it is read every second.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(3);

/// The listening clocks and links of all sources.
pub(crate) struct Sources {
    clock: Arc<dyn Clock>,
    nats: Hearing,
    http: Hearing,
    /// When the change log was last read to its end.
    followed: Mutex<Option<Monotonic>>,
}

struct Hearing {
    /// Whether the source is in use at all.
    used: bool,
    link: AtomicBool,
    was_linked: AtomicBool,
    clock: Mutex<ListeningClock>,
    /// Deafness that was found and did not end yet.
    deafness: Mutex<Option<Duration>>,
}

impl Hearing {
    fn new(used: bool, link: bool) -> Self {
        Self {
            used,
            link: AtomicBool::new(link),
            was_linked: AtomicBool::new(link),
            clock: Mutex::default(),
            deafness: Mutex::default(),
        }
    }
}

impl Sources {
    /// HTTP, which cannot lose its link, and NATS if it is in use.
    pub(crate) fn new(clock: Arc<dyn Clock>, with_bus: bool) -> Self {
        let (nats, http) = (Hearing::new(with_bus, false), Hearing::new(true, true));
        Self { clock, nats, http, followed: Mutex::default() }
    }

    /// Takes in a proof. Deafness is logged at its beginning and at its end.
    pub(crate) fn prove(&self, source: Source, proof: Proof) {
        let hearing = self.of(source);
        let deaf = hearing.clock.lock().hear(proof);
        let mut deafness = hearing.deafness.lock();
        match *deafness {
            None if deaf.is_zero() => {}
            None => {
                tracing::warn!(%source, "source was interrupted; the time does not count as silence");
                *deafness = Some(deaf);
            }
            Some(so_far) if !deaf.is_zero() => *deafness = Some(so_far + deaf),
            Some(total) => {
                tracing::info!(%source, deaf_ms = total.as_millis(), "source is no longer interrupted");
                *deafness = None;
            }
        }
    }

    /// Returns whether the source was never linked before, and marks it as linked.
    pub(crate) fn is_first_link(&self, source: Source) -> bool {
        !self.of(source).was_linked.swap(true, Ordering::Relaxed)
    }

    /// Returns the state of the link before.
    pub(crate) fn set_link(&self, source: Source, up: bool) -> bool {
        self.of(source).link.swap(up, Ordering::Relaxed)
    }

    pub(crate) fn uses(&self, source: Source) -> bool {
        self.of(source).used
    }

    /// Whether the source is in use, connected, and proved its hearing lately.
    pub(crate) fn hears(&self, source: Source) -> bool {
        let hearing = self.of(source);
        let now = self.clock.monotonic();
        hearing.used
            && hearing.link.load(Ordering::Relaxed)
            && hearing.clock.lock().hears(now, HEARS_WITHIN)
    }

    /// Notes that the change log was read to its end.
    pub(crate) fn note_followed(&self) {
        *self.followed.lock() = Some(self.clock.monotonic());
    }

    /// Whether what other replicas wrote to the store is known here.
    pub(crate) fn follows(&self) -> bool {
        let now = self.clock.monotonic();
        self.followed.lock().is_some_and(|followed| now.since(followed) <= FOLLOWED_WITHIN)
    }

    pub(crate) fn listening(&self, source: Source) -> ListeningClock {
        self.of(source).clock.lock().clone()
    }

    /// The moment through which hearing is proven.
    pub(crate) fn proven(&self, source: Source) -> Option<Monotonic> {
        self.of(source).clock.lock().proven()
    }

    /// The reading to note for a heartbeat that arrives at `now`.
    pub(crate) fn reading_at(&self, source: Source, now: Monotonic) -> Reading {
        self.of(source).clock.lock().reading_at(now)
    }

    /// All listening clocks, in the order of [`Source::ALL`].
    pub(crate) fn clocks(&self) -> [ListeningClock; 2] {
        Source::ALL.map(|source| self.listening(source))
    }

    /// The present spell of listening of each source in use, by the time of day.
    pub(crate) fn listened(&self) -> Vec<Listened> {
        let (now, utc) = (self.clock.monotonic(), self.clock.utc());
        let in_use = Source::ALL.into_iter().filter(|&source| self.uses(source));
        in_use
            .filter_map(|source| {
                let clock = self.listening(source);
                let until = utc - now.since(clock.proven()?);
                Some(Listened { source, from: until - clock.settled(), until })
            })
            .collect()
    }

    /// How long a project was silent when a process before this one listened last: since its last
    /// heartbeat or the end of the last deafness, whichever is later.
    pub(crate) fn silence_before(
        &self,
        last: Option<OffsetDateTime>,
        spell: &Listened,
    ) -> Duration {
        // A clock that was ahead once must not make everybody silent.
        let until = spell.until.min(self.clock.utc());
        let since = last.map_or(until, |last| last.max(spell.from));
        Duration::try_from(until - since).unwrap_or_default()
    }

    /// The source on whose clock a project's silence is measured until it is heard here: the one
    /// it used last, if that one is still in use.
    pub(crate) fn of_project(&self, project: &Project) -> Source {
        let preferred = project.last_heartbeat_source.unwrap_or(Source::Nats);
        if self.uses(preferred) { preferred } else { Source::Http }
    }

    fn of(&self, source: Source) -> &Hearing {
        match source {
            Source::Nats => &self.nats,
            Source::Http => &self.http,
        }
    }
}
