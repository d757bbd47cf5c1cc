//! Follower: applies the changes that other replicas wrote to the change log.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{Prospect, StoreError, error_chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::journal::{Followed, Journal};
use crate::presence::Presence;

/// Interval at which the log is read without a notification.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the change log. A process runs exactly one. Changes of the process itself are skipped.
pub struct Follower {
    journal: Arc<Journal>,
    presence: Presence,
}

impl Follower {
    pub(crate) fn new(journal: Arc<Journal>, presence: Presence) -> Self {
        Self { journal, presence }
    }

    /// Reads the log every second, and at once on a notification, until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let mut polls = interval(FOLLOW_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = polls.tick() => {}
                () = self.journal.poll_requested() => {}
            }
            if let Err(error) = self.follow().await {
                if error.prospect() == Prospect::Temporary {
                    tracing::debug!(error = error_chain(&error), "change log cannot be read");
                } else {
                    tracing::error!(error = error_chain(&error), "change log cannot be read");
                }
            }
        }
    }

    /// Applies all changes of other replicas since the last call.
    ///
    /// # Errors
    /// [`StoreError`]; the next call continues where this one stopped.
    pub async fn follow(&self) -> Result<(), StoreError> {
        loop {
            match self.journal.follow().await? {
                Followed::ToTheEnd => break,
                Followed::InPart => {}
                Followed::DifferentLog => self.journal.start_over().await?,
            }
        }
        self.presence.listening().note_followed();
        Ok(())
    }
}
