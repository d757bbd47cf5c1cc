//! Readiness of this process, with the reasons why it is not ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_domain::{Source, StoreError};
use tokio::time::timeout;

use crate::journal::Journal;
use crate::presence::Presence;

/// Deadline for the store to answer a ping.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Result of a readiness check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessReport {
    /// The process can do its work.
    pub ready: bool,
    /// Reasons why it cannot, each as a sentence for people. Empty if ready.
    pub reasons: Vec<String>,
    /// Hearing of each source in use.
    pub sources: Vec<SourceReport>,
}

/// Hearing of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceReport {
    /// The source.
    pub source: Source,
    /// The source proves that it hears, now.
    pub hears: bool,
    /// Age of the newest proof of hearing; `None` before the first proof.
    pub heard_ago: Option<Duration>,
    /// Total deaf time since the start.
    pub deaf: Duration,
}

/// Checks readiness. Cheap to clone.
#[derive(Clone)]
pub struct Readiness(Arc<Inner>);

struct Inner {
    journal: Arc<Journal>,
    presence: Presence,
    started: AtomicBool,
    stopping: AtomicBool,
}

impl Readiness {
    pub(crate) fn new(journal: Arc<Journal>, presence: Presence) -> Self {
        let (started, stopping) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Inner { journal, presence, started, stopping }))
    }

    /// Marks the start as complete: the catalog and the projects file are loaded, and heartbeats
    /// are received.
    pub fn start(&self) {
        self.0.started.store(true, Ordering::Relaxed);
    }

    /// Marks the process as stopping.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// Checks that the store answers reads and accepts writes, with a timeout of 2 s for each, and
    /// that heartbeats arrive over NATS.
    pub async fn check(&self) -> ReadinessReport {
        let inner = &*self.0;
        let mut reasons = Vec::new();
        let is_started = inner.started.load(Ordering::Relaxed);
        if inner.stopping.load(Ordering::Relaxed) {
            reasons.push("the service is stopping".to_owned());
        } else if !is_started {
            reasons.push("the service is starting".to_owned());
        }
        match timeout(STORE_ANSWERS_WITHIN, inner.journal.stores().health.ping()).await {
            Ok(Ok(())) if is_started => {
                reasons.extend(inner.journal.writes_refused(STORE_ANSWERS_WITHIN).await);
            }
            Ok(Ok(()) | Err(StoreError::Busy(_))) => {}
            Ok(Err(StoreError::Unavailable(_))) | Err(_) => {
                reasons.push("the store does not answer".to_owned());
            }
            Ok(Err(_)) => reasons.push("the store returns errors".to_owned()),
        }
        let listening = inner.presence.listening();
        if listening.uses(Source::Nats) && !listening.hears(Source::Nats) {
            reasons.push("NATS: not receiving heartbeats; offline detection is paused".to_owned());
        }
        let sources = listening.snapshot().reports();
        ReadinessReport { ready: reasons.is_empty(), reasons, sources }
    }
}
