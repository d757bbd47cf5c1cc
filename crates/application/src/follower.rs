//! Learns from the change log what other replicas did.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{Project, StoreError, error_chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::journal::{Followed, Journal};
use crate::presence::Presence;

/// How often the log is read when nobody says that there is something new.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the change log; one for each process. What this process changed itself it knows.
pub struct Follower {
    journal: Arc<Journal>,
    presence: Presence,
}

impl Follower {
    pub(crate) fn new(journal: Arc<Journal>, presence: Presence) -> Self {
        Self { journal, presence }
    }

    /// Follows until cancelled: every second, and at once when told to look.
    pub async fn run(self, cancel: CancellationToken) {
        let mut polls = interval(FOLLOW_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = polls.tick() => {}
                () = self.journal.told_to_look() => {}
            }
            if let Err(error) = self.follow().await {
                if error.is_unavailable() {
                    tracing::debug!(error = error_chain(&error), "the change log cannot be read");
                } else {
                    tracing::error!(error = error_chain(&error), "the change log cannot be read");
                }
            }
        }
    }

    /// Takes over all that other replicas changed since the last call.
    ///
    /// # Errors
    /// [`StoreError`]; what was not read is part of the next call.
    pub async fn follow(&self) -> Result<(), StoreError> {
        let learn = |slug: &_, stored: Option<&_>| self.presence.reconciler().learn(slug, stored);
        loop {
            match self.journal.follow(learn).await? {
                Followed::ToTheEnd => break,
                Followed::InPart => {}
                Followed::ElsewhereThanBefore => {
                    let apply = |stored: &[Project]| self.presence.reconciler().start_over(stored);
                    self.journal.start_over(apply).await?;
                }
            }
        }
        self.presence.listening().note_followed();
        Ok(())
    }
}
