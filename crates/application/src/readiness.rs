//! Whether this process can do its job now, and if not, why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_domain::{Source, StoreError};
use tokio::time::timeout;

use crate::journal::Journal;
use crate::presence::Presence;

/// How long the store may take to answer before it counts as away.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// What a readiness check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessReport {
    /// Whether all is there.
    pub ready: bool,
    /// What is not, each as a sentence for people; empty when ready.
    pub reasons: Vec<String>,
    /// How each source in use hears.
    pub sources: Vec<SourceReport>,
}

/// How a source hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceReport {
    /// Which source.
    pub source: Source,
    /// Whether it proves that it hears, now.
    pub hears: bool,
    /// How long ago the moment is through which hearing is proven; none before the first proof.
    pub heard_ago: Option<Duration>,
    /// All its deaf time since the start.
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

    /// Says from now on that the start is complete: catalog and static list are there, heartbeats
    /// are listened for.
    pub fn start(&self) {
        self.0.started.store(true, Ordering::Relaxed);
    }

    /// Says from now on that the process is stopping.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// Asks the store (for at most 2 s) and looks whether the bus is heard.
    pub async fn check(&self) -> ReadinessReport {
        let inner = &*self.0;
        let mut reasons = Vec::new();
        if inner.stopping.load(Ordering::Relaxed) {
            reasons.push("the service is stopping".to_owned());
        } else if !inner.started.load(Ordering::Relaxed) {
            reasons.push("the service is starting".to_owned());
        }
        match timeout(STORE_ANSWERS_WITHIN, inner.journal.store().ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(StoreError::Unavailable(_))) | Err(_) => {
                reasons.push("the store does not answer".to_owned());
            }
            Ok(Err(_)) => reasons.push("the store fails".to_owned()),
        }
        let listening = inner.presence.listening();
        if listening.uses(Source::Nats) && !listening.hears(Source::Nats) {
            reasons.push("the bus cannot be heard".to_owned());
        }
        let sources = listening.snapshot().reports();
        ReadinessReport { ready: reasons.is_empty(), reasons, sources }
    }
}
