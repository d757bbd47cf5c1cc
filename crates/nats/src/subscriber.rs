//! Hears the heartbeats of all projects, and proves that it hears.

mod inbox;
mod recorder;
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
use federation_application::{DropReason, Presence, TICK};
use federation_domain::{MAX_STEP, Monotonic};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

pub use recorder::UnknownProject;

use crate::connection::{Connection, ConnectionError, NatsContext, SUBSCRIPTION_CAPACITY, Tuning};
use crate::hearing::Hearing;
use crate::replica::ReplicaId;
use crate::subjects;
use crate::throttle::Throttle;
use inbox::Inbox;
use recorder::Recorder;
use sentinels::Sentinels;

/// How old the newest proof may be for the link to count as up: several lost ticks, and well
/// below any threshold of silence.
const FRESH: Duration = Duration::from_secs(2);
/// How long the end waits for what is still on its way.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How many messages are taken in together: some tenths of a millisecond, for which the time is read
/// once.
const BATCH: usize = 128;
/// After so many messages in a row other tasks get their turn. The client, where it runs on the same
/// thread, puts at most half as many into a queue in its turn: it reads 128 times, and 64 KiB each.
const BURST: usize = SUBSCRIPTION_CAPACITY;
/// A server that refused a subscription or a sentinel is asked anew this often; permissions may
/// have changed.
const DENIED_RETRY: Duration = Duration::from_secs(10);

/// Subscribes to all heartbeats and health samples, and records them; also to those heartbeats that
/// other replicas heard over HTTP and handed on.
///
/// **The proof of hearing.** Every [`TICK`] it sends a sentinel to a subject that only it listens
/// to. The client puts the messages of a connection into the queues of their subscriptions in the
/// order of their arrival; so when the sentinel is in its queue, all that the server sent before
/// is in the other queues, or was dropped from a full one. Those queues are emptied first, then
/// hearing is proven through the moment at which the sentinel was *sent*.
///
/// **The link** is up while the client is connected, the server refused no subscription and no
/// sentinel, and the newest proof is unbroken and younger than 2 s. So after each new connection
/// it comes up with the second proof, and while messages are lost all the time it stays down:
/// then heartbeats are recorded, but nobody's silence can be judged. A server may refuse the
/// subscription to what other replicas hand on; hearing NATS goes on without, HTTP is deaf.
pub struct HeartbeatSubscriber {
    connection: Connection,
    hearing: Arc<dyn Hearing>,
    recorder: Recorder,
    /// Heartbeats, health samples, and what other replicas hand on.
    heartbeats: [Inbox; 3],
    returns: Inbox,
    sentinel_subject: Subject,
    sentinels: Sentinels,
    /// When all queues were last found empty.
    idle_at: Monotonic,
    /// Whether the newest proof was old at the last tick: what is heard now stood in a backlog, or
    /// is the first over a new connection.
    lags: bool,
    refused_since: Option<Monotonic>,
    overruns: Throttle,
    burst: usize,
}

/// What the loop woke up for.
enum Heard {
    /// The first of a batch, and the place of its inbox.
    Heartbeat(usize, Message),
    Sentinel(Message),
    End,
}

impl HeartbeatSubscriber {
    /// Checks the settings and begins to connect in the background, for ever. Projects that
    /// are heard and not in the catalog are told to `newcomers` where it is given, to be
    /// registered. The heartbeat itself is not kept: once its project is registered, the next one
    /// counts. When `newcomers` is full, the project's next heartbeat is another chance.
    /// `replica` is this process, whose own messages to the others are passed over.
    ///
    /// # Errors
    /// What is wrong with the settings. An absent server is no error.
    pub async fn connect(
        context: &NatsContext,
        presence: Presence,
        newcomers: Option<mpsc::Sender<UnknownProject>>,
        replica: ReplicaId,
    ) -> Result<Self, ConnectionError> {
        Self::hear_for(context, Arc::new(presence), newcomers, replica).await
    }

    async fn hear_for(
        context: &NatsContext,
        hearing: Arc<dyn Hearing>,
        newcomers: Option<mpsc::Sender<UnknownProject>>,
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
            recorder: Recorder::new(Arc::clone(&hearing), newcomers, replica, context.clock()),
            connection,
            hearing,
            heartbeats,
            returns,
            sentinel_subject,
            sentinels: Sentinels::default(),
            idle_at: Monotonic::default(),
            lags: false,
            refused_since: None,
            overruns: Throttle::default(),
            burst: 0,
        })
    }

    /// Hears until cancelled; then takes in what is still on its way, for at most 2 s.
    ///
    /// It returns without being cancelled only when the client has ended, which it does not do by
    /// itself. Nothing can be heard then; the caller must start anew.
    pub async fn run(mut self, cancel: CancellationToken) {
        // Without this a poll could say "pending" because the runtime's budget is spent, and an
        // inbox would be taken for empty. `BURST` gives other tasks their turn instead.
        unconstrained(self.listen(&cancel)).await;
        if timeout(LAST_WORDS, unconstrained(self.hear_last_words())).await.is_err() {
            tracing::warn!("the last heartbeats did not arrive in time");
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
                        tracing::error!("the NATS client ended; no heartbeats are heard any more");
                        return self.hearing.set_link(false);
                    }
                },
            }
            self.breathe().await;
        }
    }

    /// To be called after each batch: from time to time other tasks get their turn, and a
    /// deadline around this one is looked at.
    async fn breathe(&mut self) {
        if self.burst >= BURST {
            self.burst = 0;
            yield_now().await;
        }
    }

    /// The next message. Sentinels come first: behind one the heartbeats are drained anyhow.
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

    /// Hears what stands in an inbox, at most [`BATCH`] messages.
    async fn hear_batch(&mut self, inbox: usize, first: Option<Message>) {
        poll_fn(|cx| Poll::Ready(self.take_batch(inbox, first.as_ref(), cx))).await;
    }

    /// The same, without waiting for anything; how many messages there were.
    fn take_batch(&mut self, inbox: usize, first: Option<&Message>, cx: &mut Context<'_>) -> usize {
        if self.lags {
            self.renew(self.hearing.now());
        }
        let mut count = 0;
        let hearing = Arc::clone(&self.hearing);
        hearing.record_batch(&mut |record| {
            if let Some(first) = first {
                self.recorder.hear(first, record);
                count += 1;
            }
            while count < BATCH {
                let Poll::Ready(Some(message)) = self.poll_heartbeat(inbox, cx) else { break };
                self.recorder.hear(&message, record);
                count += 1;
            }
        });
        self.burst += count;
        count
    }

    /// Says that what is heard from here on is no backlog, where it comes over a new connection.
    /// Not where we ourselves stood still: then the rest of the former connection may come first.
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

    /// Empties the queues, then proves hearing.
    ///
    /// Where several sentinels are back, the newest alone counts. Behind the first of them all
    /// heartbeats would be taken in at once, and the others would prove, one after the other, that
    /// nothing more came: time in which we did not keep up would pass for silence.
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

    /// Hears all that stands in the queues. What arrives meanwhile may come with it, but no more
    /// than a full queue: more cannot have stood in front of the sentinel.
    async fn drain(&mut self) {
        for inbox in 0..self.heartbeats.len() {
            let mut taken = 0;
            while taken < SUBSCRIPTION_CAPACITY {
                match poll_fn(|cx| Poll::Ready(self.take_batch(inbox, None, cx))).await {
                    0 => break,
                    count => taken += count,
                }
                self.breathe().await;
            }
        }
    }

    /// What is to be done every [`TICK`].
    fn tick(&mut self, now: Monotonic) {
        self.note_dropped();
        self.lags = self.sentinels.proven().is_some_and(|proven| now.since(proven) > MAX_STEP);
        self.send_sentinel(now);
        self.judge_link(now);
        self.retry_refused(now);
    }

    fn note_dropped(&mut self) {
        let dropped = self.connection.link.take_dropped();
        if dropped == 0 {
            return;
        }
        let now = self.hearing.now();
        self.sentinels.note_doubt(now);
        for _ in 0..dropped {
            self.hearing.drop_heartbeat(DropReason::Overrun);
        }
        if let Some(suppressed) = self.overruns.admit(now) {
            tracing::warn!(
                dropped,
                suppressed,
                "heartbeats came faster than they could be taken in"
            );
        }
    }

    /// Sends a sentinel where that makes sense now; whether it did.
    fn send_sentinel(&mut self, now: Monotonic) -> bool {
        if !self.connection.is_up() || self.connection.link.is_denied() {
            return false;
        }
        let Some(connection) = self.connection.identity() else { return false };
        let nonce = self.sentinels.send(now, connection);
        let subject = self.sentinel_subject.clone();
        // Where it cannot be sent at once it is not sent: the next tick is another chance.
        self.connection.publish_now(subject, nonce.to_vec())
    }

    fn judge_link(&self, now: Monotonic) {
        let fresh = self.sentinels.proven_whole().is_some_and(|proven| now.since(proven) < FRESH);
        let up = fresh && self.connection.is_up() && !self.connection.link.is_denied();
        self.hearing.set_link(up);
    }

    /// Reconnects from time to time where the server refused a subscription or a sentinel: the
    /// client asks for a subscription only once per connection.
    fn retry_refused(&mut self, now: Monotonic) {
        if !self.connection.link.is_denied() {
            self.refused_since = None;
        } else if now.since(*self.refused_since.get_or_insert(now)) >= DENIED_RETRY {
            self.refused_since = Some(now);
            let _ = self.connection.client.force_reconnect().now_or_never();
        }
    }

    /// Sends one more sentinel and hears all that arrives before it.
    async fn hear_last_words(&mut self) {
        let begun = self.hearing.now();
        let sent = self.send_sentinel(begun);
        while sent && self.sentinels.proven().is_none_or(|proven| proven < begun) {
            match poll_fn(|cx| self.poll_heard(cx)).await {
                Heard::Heartbeat(inbox, first) => self.hear_batch(inbox, Some(first)).await,
                Heard::Sentinel(message) => self.hear_sentinel(&message).await,
                Heard::End => break,
            }
            self.breathe().await;
        }
        self.drain().await;
    }
}
