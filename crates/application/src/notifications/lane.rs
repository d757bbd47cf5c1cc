//! The lane of a channel: one task at a time delivers to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_domain::{
    Breaker, ChannelName, DeliveryOutcome, Lease, Message, Messenger, SendError, Settlement,
    StoreError, after_failure, error_chain, messages_of,
};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Shared;

/// Number of messages that are leased together, and of those that are sent at once. A message takes
/// at most 10 s, so all of them end before their lease does.
const LEASED_AT_ONCE: usize = 16;
const SENT_AT_ONCE: usize = 4;

/// Time for which leased messages belong to this replica. If it dies, another one sends them again
/// after this time.
const LEASE: Duration = Duration::from_secs(60);

/// Pause before an outcome that the store did not take is stored again.
const SETTLE_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A channel and the state of its receiver.
pub(super) struct Lane {
    pub(super) channel: ChannelName,
    messenger: Arc<dyn Messenger>,
    breaker: Mutex<Breaker>,
    is_busy: AtomicBool,
}

impl Lane {
    /// See [`Messenger::keeps_state`].
    pub(super) fn keeps_state(&self) -> bool {
        self.messenger.keeps_state()
    }
}

/// The right to deliver to a channel. Ends when dropped.
pub(super) struct Turn(Arc<Lane>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::Release);
    }
}

impl Lane {
    pub(super) fn new(channel: ChannelName, messenger: Arc<dyn Messenger>) -> Self {
        Self { channel, messenger, breaker: Mutex::default(), is_busy: AtomicBool::new(false) }
    }

    /// Returns the right to deliver, unless another task has it.
    pub(super) fn turn(self: Arc<Self>) -> Option<Turn> {
        let was_busy = self.is_busy.swap(true, Ordering::AcqRel);
        (!was_busy).then(|| Turn(self))
    }

    pub(super) fn is_away(&self) -> bool {
        self.breaker.lock().is_open()
    }

    /// Sends a message and returns its outcome.
    async fn attempt(&self, shared: &Shared, message: Message) -> Settlement {
        let away = self.breaker.lock().allowed(shared.clock.utc(), 1) == 0;
        let sent = if away {
            Err(SendError::new("not sent: the receiver failed repeatedly"))
        } else {
            self.messenger.send(&message).await
        };
        let at = shared.clock.utc();
        let outcome = match sent {
            Ok(()) => {
                self.breaker.lock().succeeded();
                DeliveryOutcome::Delivered
            }
            Err(error) => {
                if !away {
                    self.breaker.lock().failed(at);
                }
                after_failure(&message, error.reason, error.retry_after, at, fastrand::f64())
            }
        };
        report(&message, &outcome);
        shared.metrics.notification_attempted(&self.channel, &outcome);
        Settlement { message: message.id, outcome, at }
    }
}

impl Turn {
    /// Leases messages and sends them. Returns their number.
    ///
    /// # Errors
    /// Returns an error of the lease. Nothing was sent.
    pub(super) async fn deliver(&self, shared: &Arc<Shared>) -> Result<usize, StoreError> {
        let lane = &self.0;
        let now = shared.clock.utc();
        let messages = lane.breaker.lock().allowed(now, LEASED_AT_ONCE);
        if messages == 0 {
            return Ok(0);
        }
        let lease = Lease {
            channel: lane.channel.clone(),
            owner: shared.owner.clone(),
            now,
            until: now + LEASE,
            messages,
        };
        let mut waiting = messages_of(shared.outbox.lease(&lease).await?).into_iter();
        let mut sending = JoinSet::new();
        let mut count = 0;
        loop {
            while sending.len() < SENT_AT_ONCE
                && let Some(message) = waiting.next()
            {
                count += 1;
                let (lane, shared) = (Arc::clone(lane), Arc::clone(shared));
                sending.spawn(async move { lane.attempt(&shared, message).await });
            }
            let Some(first) = sending.join_next().await else { return Ok(count) };
            let mut settlements: Vec<_> = first.into_iter().collect();
            while let Some(another) = sending.try_join_next() {
                settlements.extend(another);
            }
            settle(shared, &settlements, lease.until).await;
        }
    }
}

/// Stores outcomes. While the store is away it is tried again until the lease ends; the messages are
/// then sent again.
async fn settle(shared: &Shared, settlements: &[Settlement], until: OffsetDateTime) {
    loop {
        let Err(error) = shared.outbox.settle(&shared.owner, settlements).await else { return };
        if shared.clock.utc() >= until {
            return tracing::warn!(
                error = error_chain(&error),
                "deliveries are not recorded; their receivers may get them again"
            );
        }
        sleep(SETTLE_AGAIN_AFTER).await;
    }
}

fn report(message: &Message, outcome: &DeliveryOutcome) {
    let (channel, event) = (message.channel.as_str(), message.event.as_str());
    let (id, incidents) = (message.id.0, message.deliveries.len());
    match outcome {
        DeliveryOutcome::Delivered => {
            tracing::info!(channel, event, id, incidents, "notification is delivered");
        }
        DeliveryOutcome::Failed { error, .. } => {
            tracing::warn!(channel, event, id, error, "notification fails; it is retried");
        }
        DeliveryOutcome::Dead { error } => {
            tracing::error!(channel, event, id, error, "notification is given up");
        }
    }
}
