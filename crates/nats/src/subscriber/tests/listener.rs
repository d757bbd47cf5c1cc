use std::collections::HashMap;
use std::time::Duration;

use federation_application::{DropReason, RecordError, SystemClock};
use federation_domain::{Clock, Condition, Heartbeat, Monotonic, Proof, Source};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::hearing::{Hearing, RecordHeartbeat};

/// Longer than any wait of these tests takes on a busy machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// A fake application that keeps what it receives.
pub(super) struct Listener {
    clock: SystemClock,
    knows_projects: bool,
    log: Mutex<Log>,
    told: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) heartbeats: HashMap<String, usize>,
    /// Last report on whether relayed heartbeats are received.
    pub(super) relays_heard: Option<bool>,
    /// Relayed heartbeats: source, slug, condition.
    pub(super) relayed: Vec<(Source, String, Option<Condition>)>,
    /// Each proof with the number of heartbeats recorded before it.
    pub(super) proofs: Vec<(Proof, usize)>,
    pub(super) links: Vec<bool>,
    /// Number of times the link was up while the newest proof was broken.
    pub(super) up_while_broken: usize,
    pub(super) dropped: HashMap<&'static str, usize>,
    pub(super) ignored: usize,
    pub(super) unknown_projects_dropped: usize,
}

impl Log {
    pub(super) fn is_up(&self) -> bool {
        self.links.last() == Some(&true)
    }

    pub(super) fn heard(&self, slug: &str) -> usize {
        self.heartbeats.get(slug).copied().unwrap_or(0)
    }

    pub(super) fn dropped(&self, reason: DropReason) -> usize {
        self.dropped.get(reason.as_str()).copied().unwrap_or(0)
    }

    /// Returns the number of proofs and of judgements of the link, at least one per tick.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.proofs.len(), self.links.len())
    }

    /// Returns whether each proof since `from` is unbroken.
    pub(super) fn unbroken_since(&self, from: usize) -> Vec<bool> {
        self.proofs[from..].iter().map(|(proof, _)| proof.unbroken).collect()
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            clock: SystemClock::start(),
            knows_projects: true,
            log: Mutex::default(),
            told: Notify::new(),
        }
    }
}

impl Listener {
    pub(super) fn without_projects() -> Self {
        Self { knows_projects: false, ..Self::default() }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock()
    }

    /// Waits until the condition holds.
    pub(super) async fn until(&self, what: &str, so: impl Fn(&Log) -> bool) {
        let waiting = async {
            loop {
                let told = self.told.notified();
                if so(&self.log()) {
                    return;
                }
                told.await;
            }
        };
        if timeout(DEADLINE, waiting).await.is_err() {
            panic!("timed out waiting until {what}");
        }
    }

    fn note(&self, note: impl FnOnce(&mut Log)) {
        note(&mut self.log());
        self.told.notify_waiters();
    }
}

/// A batch of heartbeats.
pub(in crate::subscriber) struct Recording<'a>(&'a Listener);

impl RecordHeartbeat for Recording<'_> {
    fn record(&mut self, heartbeat: &Heartbeat<'_>) -> Result<(), RecordError> {
        let Heartbeat { slug, source, condition, .. } = heartbeat;
        let (listener, slug) = (self.0, (*slug).to_owned());
        if *source == Source::Http {
            listener.note(|log| log.relayed.push((*source, slug, condition.clone())));
            return Ok(());
        }
        listener.note(|log| *log.heartbeats.entry(slug).or_default() += 1);
        if listener.knows_projects { Ok(()) } else { Err(RecordError::UnknownProject) }
    }
}

impl Hearing for Listener {
    type Batch<'a> = Recording<'a>;

    fn now(&self) -> Monotonic {
        self.clock.monotonic()
    }

    fn batch(&self, _: Monotonic) -> Recording<'_> {
        Recording(self)
    }

    fn prove_hearing(&self, proof: Proof) {
        self.note(|log| {
            let heard = log.heartbeats.values().sum::<usize>() + log.relayed.len();
            log.proofs.push((proof, heard));
        });
    }

    fn set_link(&self, up: bool) {
        self.note(|log| {
            let broken = log.proofs.last().is_some_and(|(proof, _)| !proof.unbroken);
            log.up_while_broken += usize::from(up && broken);
            log.links.push(up);
        });
    }

    fn set_relays_heard(&self, heard: bool) {
        self.note(|log| log.relays_heard = Some(heard));
    }

    fn count_dropped_heartbeat(&self, reason: DropReason) {
        self.note(|log| *log.dropped.entry(reason.as_str()).or_default() += 1);
    }

    fn count_dropped_unknown_project(&self) {
        self.note(|log| log.unknown_projects_dropped += 1);
    }

    fn count_ignored_field(&self) {
        self.note(|log| log.ignored += 1);
    }
}
