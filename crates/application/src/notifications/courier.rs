//! The task that takes notifications from the outbox to the channels.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{ChannelName, StoreError, error_chain};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::lane::Turn;

/// Interval at which the outbox is checked for notifications of other replicas and for retries.
const POLL: Duration = Duration::from_millis(500);

/// Interval of upkeep: gauges, expired deliveries, and old ones.
const UPKEEP: Duration = Duration::from_secs(15);

/// Time for which deliveries that are finished are kept.
const RETENTION: time::Duration = time::Duration::days(30);

/// Maximum number of deliveries that are dropped at once.
const DROPPED_AT_ONCE: usize = 1_000;

/// Time for which messages that are being sent may end after a stop.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Delivers notifications. Every replica runs one; a lease makes each delivery the work of one.
///
/// Each channel has a task of its own, so a slow receiver delays no other.
pub struct Courier {
    shared: Arc<Shared>,
}

impl Courier {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Delivers until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let mut polls = interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut upkeep = interval(UPKEEP);
        upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lanes = JoinSet::new();
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                _ = upkeep.tick() => {
                    if let Err(error) = self.tidy().await {
                        tracing::debug!(error = error_chain(&error), "upkeep of the outbox waits");
                    }
                    continue;
                }
                Some(_) = lanes.join_next() => continue,
                () = self.shared.wake.notified() => {}
                _ = polls.tick() => {}
            }
            for turn in self.due().await.unwrap_or_default() {
                let (shared, cancel) = (Arc::clone(&self.shared), cancel.clone());
                lanes.spawn(async move { deliver_all(&shared, &turn, &cancel).await });
            }
        }
        // What is cut off is sent again when its lease ends.
        let ends = async { while lanes.join_next().await.is_some() {} };
        let _ = timeout(STOP_WITHIN, ends).await;
    }

    /// Delivers what is due now and returns the number of messages.
    ///
    /// # Errors
    /// [`StoreError`]; the rest is delivered by the next call.
    pub async fn deliver_due(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        for turn in self.due().await? {
            count += turn.deliver(&self.shared).await?;
        }
        Ok(count)
    }

    /// Gives up what has expired, drops old deliveries and updates the gauges.
    ///
    /// # Errors
    /// [`StoreError`]; the next call continues.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        let Shared { outbox, clock, metrics, .. } = &*self.shared;
        let (configured, reached): (Vec<ChannelName>, Vec<ChannelName>) = {
            let lanes = self.shared.lanes.read();
            let reached = lanes.values().filter(|lane| !lane.is_away());
            let reached = reached.map(|lane| lane.channel.clone()).collect();
            (lanes.keys().cloned().collect(), reached)
        };
        let now = clock.utc();
        outbox.tidy_outbox(&reached, now, now - RETENTION, DROPPED_AT_ONCE).await?;
        metrics.set_outbox(&configured, &outbox.outbox_depth().await?);
        Ok(())
    }

    /// Returns the right to deliver to each channel that has something due and no task yet.
    async fn due(&self) -> Result<Vec<Turn>, StoreError> {
        let Shared { outbox, clock, .. } = &*self.shared;
        if self.shared.lanes.read().is_empty() {
            return Ok(Vec::new());
        }
        let channels = outbox.due_channels(clock.utc()).await?;
        Ok(self.shared.lanes(&channels).into_iter().filter_map(|lane| lane.turn()).collect())
    }
}

async fn deliver_all(shared: &Arc<Shared>, turn: &Turn, cancel: &CancellationToken) {
    while !cancel.is_cancelled() {
        match turn.deliver(shared).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                return tracing::debug!(error = error_chain(&error), "deliveries wait");
            }
        }
    }
}
