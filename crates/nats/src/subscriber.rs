//! Receives the heartbeats of all projects and proves that it receives them.

mod handler;
mod inbox;
mod sentinels;
#[cfg(test)]
mod tests;
mod thread;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::{Message, Subject};
use federation_application::{DropReason, EdgeObserver, Presence, TICK};
use federation_domain::{MAX_STEP, Monotonic};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

pub use handler::UnknownProject;

use crate::connection::{Connection, ConnectionError, NatsContext, SUBSCRIPTION_CAPACITY, Tuning};
use crate::hearing::Hearing;
use crate::replica::ReplicaId;
use crate::subjects;
use crate::throttle::Throttle;
use handler::MessageHandler;
use inbox::Inbox;
use sentinels::Sentinels;

/// Maximum age of the newest proof while the link counts as up. Allows for several lost ticks and is
/// well below any threshold of silence.
const FRESH: Duration = Duration::from_secs(2);
/// Deadline for receiving messages in flight after cancellation.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);
/// Maximum number of messages in a batch. A batch takes some tenths of a millisecond, and the clock
/// is read once for it.
const BATCH: usize = 128;
/// Number of messages in a row after which the subscriber yields to other tasks. A client on the same
/// thread queues at most half as many in its turn, because it reads 128 times 64 KiB.
const BURST: usize = SUBSCRIPTION_CAPACITY;
/// Interval of reconnects while the server denies a subscription or a sentinel. Its permissions may
/// have changed.
const DENIED_RETRY: Duration = Duration::from_secs(10);

/// Subscribes to all heartbeats and health samples, and to heartbeats relayed by other replicas, and
/// records them.
///
/// **Proof of hearing.** Every [`TICK`] the subscriber sends a sentinel to a subject of its own. The
/// client queues the messages of a connection per subscription, in order of arrival. So when the
/// sentinel is in its queue, everything that the server sent before it is in the other queues or was
/// dropped from a full one. The subscriber drains those queues first, and then hearing is proven up
/// to the moment at which the sentinel was *sent*.
///
/// **The link** is up while the client is connected, the server denies no subscription and no
/// sentinel, and the newest proof is unbroken and younger than 2 s. So the link comes up with the
/// second proof after a new connection. While messages are lost it stays down: heartbeats are
/// recorded, but silence cannot be judged. If the server denies the subscription to relayed
/// heartbeats, only HTTP is deaf.
pub struct HeartbeatSubscriber<H: Hearing = Presence> {
    connection: Connection,
    hearing: Arc<H>,
    handler: MessageHandler<H>,
    /// Heartbeats, health samples and relayed heartbeats.
    heartbeats: [Inbox; 3],
    returns: Inbox,
    sentinel_subject: Subject,
    sentinels: Sentinels,
    /// Time at which all queues were last empty.
    idle_at: Monotonic,
    /// The newest proof was old at the last tick. Messages received now come from a backlog or are
    /// the first of a new connection.
    lags: bool,
    denied_since: Option<Monotonic>,
    overruns: Throttle,
    burst: usize,
}

/// Next event of the subscriptions.
enum Heard {
    /// Index of an inbox and the first message of a batch from it.
    Heartbeat(usize, Message),
    Sentinel(Message),
    End,
}

impl HeartbeatSubscriber {
    /// Checks the settings and starts to connect in the background. Retries forever.
    ///
    /// Projects that are not in the catalog are sent to `unknown_projects`, if it is given, to be
    /// registered. Their heartbeats are not kept: the next one after the registration counts. If
    /// `unknown_projects` is full, the project is retried at its next heartbeat. Messages relayed
    /// by `replica`, which is this process, are ignored.
    ///
    /// # Errors
    /// Fails if the settings are invalid. An absent server is not an error.
    pub async fn connect(
        context: &NatsContext,
        presence: Presence,
        unknown_projects: Option<mpsc::Sender<UnknownProject>>,
        replica: ReplicaId,
    ) -> Result<Self, ConnectionError> {
        Self::hear_for(context, Arc::new(presence), unknown_projects, replica).await
    }
}

impl<H: Hearing> HeartbeatSubscriber<H> {
    /// Passes the edges in heartbeats, `depends_on`, on to this observer.
    #[must_use]
    pub fn observing(mut self, edges: EdgeObserver) -> Self {
        self.handler.observe_edges(edges);
        self
    }

    async fn hear_for(
        context: &NatsContext,
        hearing: Arc<H>,
        unknown_projects: Option<mpsc::Sender<UnknownProject>>,
        replica: ReplicaId,
    ) -> Result<Self, ConnectionError> {
        let connection = Connection::open(context, &Tuning::default()).await?;
        let sentinel_subject = Subject::from(subjects::sentinel());
        let subscribe = async |subject: Subject| {
            let subscriber = connection.client.subscribe(subject).await;
            subscriber.map(Inbox::new).map_err(ConnectionError::Ended)
        };
        let heartbeats = [
            subscribe(subjects::ALL_PRESENCE.into()).await?,
            subscribe(subjects::ALL_HEALTH.into()).await?,
            subscribe(subjects::ALL_RELAYS.into()).await?,
        ];
        let returns = subscribe(sentinel_subject.clone()).await?;
        Ok(Self {
            handler: MessageHandler::new(
                Arc::clone(&hearing),
                unknown_projects,
                replica,
                context.clock(),
            ),
            connection,
            hearing,
            heartbeats,
            returns,
            sentinel_subject,
            sentinels: Sentinels::default(),
            idle_at: Monotonic::default(),
            lags: false,
            denied_since: None,
            overruns: Throttle::default(),
            burst: 0,
        })
    }

    /// Receives heartbeats until cancelled, and then those in flight for at most 2 s.
    ///
    /// Returns before it is cancelled only if the client stops, which it does not do on its own.
    /// The caller must then create another subscriber.
    pub async fn run(mut self, cancel: CancellationToken) {
        // Once the cooperative budget is spent, a poll returns "pending" and an inbox seems empty.
        // `BURST` lets other tasks run instead.
        unconstrained(self.listen(&cancel)).await;
        if timeout(DRAIN_DEADLINE, unconstrained(self.hear_in_flight())).await.is_err() {
            tracing::warn!("subscriber stops; heartbeats in flight may be lost");
        }
    }

    async fn listen(&mut self, cancel: &CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut cancelled = pin!(cancel.cancelled());
        loop {
            tokio::select! {
                biased;
                () = &mut cancelled => return,
                _ = ticks.tick() => self.tick(self.hearing.now()),
                heard = poll_fn(|cx| self.poll_heard(cx)) => match heard {
                    Heard::Heartbeat(inbox, first) => self.hear_batch(inbox, Some(first)).await,
                    Heard::Sentinel(message) => self.hear_sentinel(&message).await,
                    Heard::End => {
                        tracing::error!("NATS client stopped; no heartbeats are received");
                        return self.hearing.set_link(false);
                    }
                },
            }
            self.yield_after_burst().await;
        }
    }

    /// Yields to other tasks, and to a deadline around this one, after each [`BURST`] of messages.
    async fn yield_after_burst(&mut self) {
        if self.burst >= BURST {
            self.burst = 0;
            yield_now().await;
        }
    }

    /// Polls for the next message. Sentinels come first, because they drain the heartbeats anyway.
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        if let Poll::Ready(message) = self.returns.poll(cx) {
            return Poll::Ready(message.map_or(Heard::End, Heard::Sentinel));
        }
        for index in 0..self.heartbeats.len() {
            if let Poll::Ready(message) = self.poll_heartbeat(index, cx) {
                let heartbeat = |message| Heard::Heartbeat(index, message);
                return Poll::Ready(message.map_or(Heard::End, heartbeat));
            }
        }
        self.idle_at = self.hearing.now();
        Poll::Pending
    }

    fn poll_heartbeat(&mut self, index: usize, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let polled = self.heartbeats[index].poll(cx);
        if self.heartbeats[index].may_have_overrun() {
            self.sentinels.note_doubt(self.hearing.now());
        }
        polled
    }

    /// Records the messages in an inbox, at most [`BATCH`].
    async fn hear_batch(&mut self, inbox: usize, first: Option<Message>) {
        poll_fn(|cx| Poll::Ready(self.take_batch(inbox, first.as_ref(), cx))).await;
    }

    /// Records the messages in an inbox without waiting, and returns their number.
    fn take_batch(&mut self, inbox: usize, first: Option<&Message>, cx: &mut Context<'_>) -> usize {
        let now = self.hearing.now();
        if self.lags {
            self.renew(now);
        }
        let mut count = 0;
        let hearing = Arc::clone(&self.hearing);
        let mut batch = hearing.batch(now);
        if let Some(first) = first {
            self.handler.handle(first, &mut batch);
            count += 1;
        }
        while count < BATCH {
            let Poll::Ready(Some(message)) = self.poll_heartbeat(inbox, cx) else { break };
            self.handler.handle(&message, &mut batch);
            count += 1;
        }
        drop(batch);
        self.handler.pass_hints();
        self.burst += count;
        count
    }

    /// Reports the end of a backlog if messages come from a new connection. Does nothing if this
    /// process was stalled, because the rest of the former connection may then come first.
    fn renew(&mut self, now: Monotonic) {
        if now.since(self.idle_at) > MAX_STEP {
            return;
        }
        let renewed = self.connection.identity().and_then(|new| self.sentinels.renew(now, new));
        if let Some(proof) = renewed {
            self.lags = false;
            self.hearing.prove_hearing(proof);
        }
    }

    /// Drains the queues and then proves hearing.
    ///
    /// If several sentinels have returned, only the newest counts. Otherwise all heartbeats would
    /// be recorded for the first of them, and the others would prove that nothing more came. Time
    /// in which this process did not keep up would then count as silence.
    async fn hear_sentinel(&mut self, message: &Message) {
        let Some(connection) = self.connection.identity() else { return };
        let mut returned: Vec<_> =
            self.sentinels.take(&message.payload, &connection).into_iter().collect();
        while let Poll::Ready(Some(later)) = poll_fn(|cx| Poll::Ready(self.returns.poll(cx))).await
        {
            returned.extend(self.sentinels.take(&later.payload, &connection));
        }
        let any_is_late = returned.iter().any(|one| Sentinels::is_late(one, self.idle_at));
        let Some(sentinel) = returned.pop() else { return };
        self.drain().await;
        self.note_dropped();
        if any_is_late {
            self.sentinels.note_doubt(self.hearing.now());
        }
        let proof = self.sentinels.prove(sentinel);
        self.hearing.set_relays_heard(!self.connection.link.denies_relays());
        self.hearing.prove_hearing(proof);
        self.judge_link(self.hearing.now());
    }

    /// Records everything in the queues, including messages that arrive in the meantime, but no
    /// more than the capacity of a queue. More cannot have been in front of the sentinel.
    async fn drain(&mut self) {
        for inbox in 0..self.heartbeats.len() {
            let mut taken = 0;
            while taken < SUBSCRIPTION_CAPACITY {
                match poll_fn(|cx| Poll::Ready(self.take_batch(inbox, None, cx))).await {
                    0 => break,
                    count => taken += count,
                }
                self.yield_after_burst().await;
            }
        }
    }

    /// Runs every [`TICK`].
    fn tick(&mut self, now: Monotonic) {
        self.note_dropped();
        self.lags = self.sentinels.proven().is_some_and(|proven| now.since(proven) > MAX_STEP);
        self.send_sentinel(now);
        self.judge_link(now);
        self.retry_denied(now);
    }

    fn note_dropped(&mut self) {
        let dropped = self.connection.link.take_dropped();
        if dropped == 0 {
            return;
        }
        let now = self.hearing.now();
        self.sentinels.note_doubt(now);
        for _ in 0..dropped {
            self.hearing.count_dropped_heartbeat(DropReason::Overrun);
        }
        if let Some(suppressed) = self.overruns.admit(now) {
            tracing::warn!(
                dropped,
                suppressed,
                "heartbeats are dropped: they arrive faster than they are recorded"
            );
        }
    }

    /// Sends a sentinel if the connection allows it. Returns whether it was sent.
    fn send_sentinel(&mut self, now: Monotonic) -> bool {
        if !self.connection.is_up() || self.connection.link.is_denied() {
            return false;
        }
        let Some(connection) = self.connection.identity() else { return false };
        let nonce = self.sentinels.send(now, connection);
        let subject = self.sentinel_subject.clone();
        // If it cannot be sent at once, the next tick sends another.
        self.connection.publish_now(subject, nonce.to_vec())
    }

    fn judge_link(&self, now: Monotonic) {
        let fresh =
            self.sentinels.proven_unbroken().is_some_and(|proven| now.since(proven) < FRESH);
        let up = fresh && self.connection.is_up() && !self.connection.link.is_denied();
        self.hearing.set_link(up);
    }

    /// Reconnects from time to time while the server denies a subscription or a sentinel, because the
    /// client subscribes only once per connection.
    fn retry_denied(&mut self, now: Monotonic) {
        if !self.connection.link.is_denied() {
            self.denied_since = None;
        } else if now.since(*self.denied_since.get_or_insert(now)) >= DENIED_RETRY {
            self.denied_since = Some(now);
            let _ = self.connection.client.force_reconnect().now_or_never();
        }
    }

    /// Sends another sentinel and records everything that arrives before it.
    async fn hear_in_flight(&mut self) {
        let begun = self.hearing.now();
        let sent = self.send_sentinel(begun);
        while sent && self.sentinels.proven().is_none_or(|proven| proven < begun) {
            match poll_fn(|cx| self.poll_heard(cx)).await {
                Heard::Heartbeat(inbox, first) => self.hear_batch(inbox, Some(first)).await,
                Heard::Sentinel(message) => self.hear_sentinel(&message).await,
                Heard::End => break,
            }
            self.yield_after_burst().await;
        }
        self.drain().await;
    }
}
