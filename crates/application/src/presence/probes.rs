//! Asking a silent project directly, before it is called offline.

use std::sync::Arc;

use federation_domain::{Channel, Heartbeat, Probe, Prober, Slug, Source};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Presence;
use crate::entry::Entry;

/// How many projects are asked at once. When a whole fleet dies, the others wait.
const AT_ONCE: usize = 1_000;

/// The projects that wait to be asked: each at most once, so no more than there are.
pub(super) struct Probes {
    prober: Arc<dyn Prober>,
    sender: mpsc::UnboundedSender<Arc<Entry>>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<Arc<Entry>>>>,
}

impl Probes {
    pub(super) fn new(prober: Arc<dyn Prober>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { prober, sender, receiver: Mutex::new(Some(receiver)) }
    }

    /// Sends a project on its way to be asked, unless it is.
    pub(super) fn ask(&self, entry: &Arc<Entry>) {
        if entry.begin_probe() {
            // It fails only after the end, when nobody falls any more.
            let _ = self.sender.send(Arc::clone(entry));
        }
    }
}

impl Presence {
    /// Asks silent projects directly until cancelled, where that is called for.
    pub(crate) async fn run_probes(&self, cancel: CancellationToken) {
        let waiting = self.0.probes.as_ref().and_then(|probes| probes.receiver.lock().take());
        let Some(mut waiting) = waiting else { return cancel.cancelled().await };
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut asked = JoinSet::new();
        let asking = async {
            while let Some(entry) = waiting.recv().await {
                let place = Arc::clone(&places).acquire_owned().await;
                let presence = self.clone();
                asked.spawn(async move {
                    presence.probe(&entry).await;
                    drop(place);
                });
                while asked.try_join_next().is_some() {}
            }
        };
        // What is under way at the end is dropped: nobody falls for it.
        cancel.run_until_cancelled(asking).await;
    }

    async fn probe(&self, entry: &Arc<Entry>) {
        let (slug, namespace) = {
            let live = entry.lock();
            (live.project.slug.clone(), live.project.mesh_namespace.clone())
        };
        let found = match (&self.0.probes, namespace) {
            (Some(probes), Some(namespace)) => probes.prober.probe(&slug, &namespace).await,
            _ => Probe::NotAsked,
        };
        entry.end_probe();
        match found {
            Probe::Answered => self.note_answer(&slug),
            Probe::NoResponders | Probe::NoAnswer | Probe::NotAsked => {
                self.let_fall(entry, Some(found));
            }
        }
    }

    /// An answer is a heartbeat that says nothing of how the project is.
    fn note_answer(&self, slug: &Slug) {
        let heartbeat = Heartbeat {
            slug: slug.as_str(),
            source: Source::Nats,
            channel: Channel::Health,
            condition: None,
        };
        // It may have left the catalog meanwhile.
        let _ = self.record_relayed(&heartbeat);
    }
}
