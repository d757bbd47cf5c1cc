//! Probing silent projects before they are reported offline.

use std::sync::Arc;

use federation_domain::{Channel, Heartbeat, InstanceReport, Probe, Prober, Source};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Judge;
use crate::entry::ProjectEntry;
use crate::presence::Recorder;

/// Maximum number of concurrent probes. When a whole fleet dies, the others wait.
const MAX_IN_FLIGHT: usize = 1_000;

/// Queue of projects to probe. Each is in it at most once, so it is bounded by their number.
pub(super) struct Probes {
    prober: Arc<dyn Prober>,
    sender: mpsc::UnboundedSender<Arc<ProjectEntry>>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<Arc<ProjectEntry>>>>,
}

impl Probes {
    pub(super) fn new(prober: Arc<dyn Prober>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { prober, sender, receiver: Mutex::new(Some(receiver)) }
    }

    /// Queues a project unless it is queued or being probed already.
    pub(super) fn enqueue(&self, entry: &Arc<ProjectEntry>) {
        if entry.begin_probe() {
            // Fails only once probing has ended, when no project falls any more.
            let _ = self.sender.send(Arc::clone(entry));
        }
    }
}

/// Probes queued projects until cancelled. Does nothing if no prober is configured.
pub(in crate::presence) async fn run_probes(
    judge: &Arc<Judge>,
    recorder: &Recorder,
    cancel: CancellationToken,
) {
    let queue = judge.probes.as_ref().and_then(|probes| probes.receiver.lock().take());
    let Some(mut queue) = queue else { return cancel.cancelled().await };
    let permits = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let mut in_flight = JoinSet::new();
    let probing = async {
        while let Some(entry) = queue.recv().await {
            let permit = Arc::clone(&permits).acquire_owned().await;
            let (judge, recorder) = (Arc::clone(judge), recorder.clone());
            in_flight.spawn(async move {
                probe(&judge, &recorder, &entry).await;
                drop(permit);
            });
            while in_flight.try_join_next().is_some() {}
        }
    };
    // In-flight probes are dropped at the end. No project falls because of them.
    cancel.run_until_cancelled(probing).await;
}

async fn probe(judge: &Judge, recorder: &Recorder, entry: &ProjectEntry) {
    let (slug, namespace) = {
        let live = entry.lock();
        (live.project.slug.clone(), live.project.mesh_namespace.clone())
    };
    let found = match (&judge.probes, namespace) {
        (Some(probes), Some(namespace)) => probes.prober.probe(&slug, &namespace).await,
        _ => Probe::NotAsked,
    };
    entry.end_probe();
    match found {
        Probe::Answered => {
            // An answer is a heartbeat that reports no health.
            let heartbeat = Heartbeat {
                slug: slug.as_str(),
                source: Source::Nats,
                channel: Channel::Health,
                condition: None,
                key: None,
                instance: InstanceReport::default(),
            };
            // The project may have been removed meanwhile.
            let _ = recorder.record_relayed(&heartbeat);
        }
        Probe::NoResponders | Probe::NoAnswer | Probe::NotAsked => {
            judge.lower_status(entry, Some(found));
        }
    }
}
