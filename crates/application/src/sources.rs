//! How well each source hears.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_domain::{Clock, ListeningClock, Monotonic, Project, Proof, Reading, Source};
use parking_lot::Mutex;
use time::OffsetDateTime;

/// How old a proof of hearing may be for a source to count as hearing now.
const HEARS_WITHIN: Duration = Duration::from_secs(2);

/// The listening clocks and links of all sources.
pub(crate) struct Sources {
    clock: Arc<dyn Clock>,
    nats: Hearing,
    http: Hearing,
}

struct Hearing {
    /// Whether the source is in use at all.
    used: bool,
    link: AtomicBool,
    clock: Mutex<ListeningClock>,
}

impl Hearing {
    fn new(used: bool, link: bool) -> Self {
        Self { used, link: AtomicBool::new(link), clock: Mutex::default() }
    }
}

impl Sources {
    /// HTTP, which cannot lose its link, and NATS if it is in use.
    pub(crate) fn new(clock: Arc<dyn Clock>, with_bus: bool) -> Self {
        Self { clock, nats: Hearing::new(with_bus, false), http: Hearing::new(true, true) }
    }

    /// Takes in a proof. Returns the clock after it, and the deaf time that it found.
    pub(crate) fn prove(&self, source: Source, proof: Proof) -> (ListeningClock, Duration) {
        let mut clock = self.of(source).clock.lock();
        let deaf = clock.hear(proof);
        (clock.clone(), deaf)
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

    pub(crate) fn listening(&self, source: Source) -> ListeningClock {
        self.of(source).clock.lock().clone()
    }

    /// The reading to note for a heartbeat that arrives at `now`.
    pub(crate) fn reading_at(&self, source: Source, now: Monotonic) -> Reading {
        self.of(source).clock.lock().reading_at(now)
    }

    /// Through which moment each source in use was heard.
    pub(crate) fn heard_until(&self) -> Vec<(Source, OffsetDateTime)> {
        let (now, utc) = (self.clock.monotonic(), self.clock.utc());
        let in_use = Source::ALL.into_iter().filter(|&source| self.uses(source));
        in_use
            .filter_map(|source| {
                let proven = self.of(source).clock.lock().proven()?;
                Some((source, utc - now.since(proven)))
            })
            .collect()
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
