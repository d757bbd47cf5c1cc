//! Hearing of one source.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_domain::{ListeningClock, Monotonic, PastListening, Proof, Reading, Source};
use parking_lot::Mutex;

use super::HEARS_WITHIN;

pub(super) struct SourceState {
    used: bool,
    link: AtomicBool,
    was_linked: AtomicBool,
    clock: Mutex<ListeningClock>,
    /// Deaf time of an interruption that has not ended yet.
    interruption: Mutex<Option<Duration>>,
}

impl SourceState {
    pub(super) fn new(used: bool, link: bool) -> Self {
        Self {
            used,
            link: AtomicBool::new(link),
            was_linked: AtomicBool::new(link),
            clock: Mutex::default(),
            interruption: Mutex::default(),
        }
    }

    /// Continues the clock of an earlier process.
    pub(super) fn resume(&self, past: &PastListening) {
        *self.clock.lock() = ListeningClock::resume(past);
    }

    /// Applies a proof. Logs the start and the end of an interruption.
    pub(super) fn prove(&self, source: Source, proof: Proof) {
        let deaf = self.clock.lock().hear(proof);
        let mut interruption = self.interruption.lock();
        match *interruption {
            None if deaf.is_zero() => {}
            None => {
                tracing::warn!(
                    %source,
                    "source was interrupted; the time does not count as silence"
                );
                *interruption = Some(deaf);
            }
            Some(so_far) if !deaf.is_zero() => *interruption = Some(so_far + deaf),
            Some(total) => {
                let deaf_ms = total.as_millis();
                tracing::info!(%source, deaf_ms, "source is no longer interrupted");
                *interruption = None;
            }
        }
    }

    pub(super) fn set_link(&self, source: Source, up: bool) {
        match (self.link.swap(up, Ordering::Relaxed), up) {
            (false, true) if !self.was_linked.swap(true, Ordering::Relaxed) => {
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

    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    pub(super) fn hears(&self, now: Monotonic) -> bool {
        self.is_linked() && self.clock.lock().hears(now, HEARS_WITHIN)
    }

    pub(super) fn is_linked(&self) -> bool {
        self.used && self.link.load(Ordering::Relaxed)
    }

    pub(super) fn clock(&self) -> ListeningClock {
        self.clock.lock().clone()
    }

    pub(super) fn proven(&self) -> Option<Monotonic> {
        self.clock.lock().proven()
    }

    pub(super) fn reading_at(&self, now: Monotonic) -> Reading {
        self.clock.lock().reading_at(now)
    }
}
