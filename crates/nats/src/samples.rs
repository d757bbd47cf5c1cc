//! Receives the metrics of all projects.

mod handler;
#[cfg(test)]
mod tests;

use std::future::Future;

use async_nats::{Message, Subscriber};
use federation_application::{SampleDropReason, Series};
use federation_domain::Source;
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Duration, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, ConnectionError, Identity, NatsContext, Tuning};
use crate::plain::PlainSubjects;
use crate::replica::ReplicaId;
use crate::subjects;
use crate::thread;
use handler::SampleHandler;

/// Number of messages handled in a row before the subscriber looks for cancellation.
const BATCH: usize = 128;
/// Maximum number of queued messages handled after cancellation.
const DRAIN: usize = 65_536;
/// Interval at which dropped messages and lost connections are noted.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// Subscribes to the metrics of all projects, to summaries and to health samples, and takes in their
/// samples.
///
/// It has a connection and a thread of its own, so that a flood of metrics never delays a heartbeat
/// or a sentinel.
pub struct SampleSubscriber {
    connection: Connection,
    messages: SelectAll<Subscriber>,
    handler: SampleHandler,
    plain: PlainSubjects,
    /// Connection at the last look.
    last: Option<Identity>,
}

impl SampleSubscriber {
    /// Connects and takes in samples on a separate thread until cancelled. Samples relayed by `replica`,
    /// which is this process, are ignored. The returned future
    /// completes when the thread has stopped.
    ///
    /// # Errors
    /// Fails if the settings are invalid or if the thread cannot be started. An absent server is not
    /// an error.
    pub async fn spawn(
        context: NatsContext,
        series: Series,
        plain: PlainSubjects,
        replica: ReplicaId,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = ()> + Send + 'static, ConnectionError> {
        thread::spawn("metrics", async move || {
            let subscriber = Self::connect(&context, series, plain, replica).await?;
            Ok(subscriber.run(cancel))
        })
        .await
    }

    async fn connect(
        context: &NatsContext,
        series: Series,
        plain: PlainSubjects,
        replica: ReplicaId,
    ) -> Result<Self, ConnectionError> {
        let connection = Connection::open(context, &Tuning::default()).await?;
        let mut messages = SelectAll::new();
        let fixed = [subjects::ALL_METRICS, subjects::ALL_HEALTH, subjects::ALL_RELAYED_METRICS];
        let fixed = fixed.map(str::to_owned);
        let summaries = subjects::all_summaries(plain != PlainSubjects::Off);
        for subject in fixed.into_iter().chain(summaries) {
            let subscriber = connection.client.subscribe(subject).await;
            messages.push(subscriber.map_err(ConnectionError::Ended)?);
        }
        let handler = SampleHandler::new(series, context.clock(), replica);
        Ok(Self { handler, connection, messages, plain, last: None })
    }

    async fn run(mut self, cancel: CancellationToken) {
        let mut counts = interval(COUNT_INTERVAL);
        counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                _ = counts.tick() => self.note_losses(),
                message = self.messages.next() => match message {
                    Some(message) => self.handle_batch(&message),
                    None => {
                        self.handler.set_link(false);
                        tracing::error!("NATS client stopped; no metrics are received");
                        return;
                    }
                },
            }
        }
        for _ in 0..DRAIN {
            let Some(Some(message)) = self.messages.next().now_or_never() else { break };
            self.handler.handle(&message);
        }
        self.note_losses();
    }

    /// Handles a message and those that are queued behind it.
    fn handle_batch(&mut self, first: &Message) {
        // The server says at the start of a connection whether it authenticates clients.
        self.handler.accept_plain(self.plain.are_accepted(&self.connection));
        self.handler.handle(first);
        for _ in 1..BATCH {
            let Some(Some(message)) = self.messages.next().now_or_never() else { break };
            self.handler.handle(&message);
        }
    }

    fn note_losses(&mut self) {
        let dropped = self.connection.link.take_dropped();
        if dropped > 0 {
            self.handler.reject(SampleDropReason::Overrun, dropped, "");
        }
        let current = self.connection.identity();
        if dropped > 0 || current != self.last {
            self.handler.note_gap();
            self.last = current;
        }
        // After the gap, so that values are never taken for current that are not.
        self.handler.set_link(self.connection.is_up());
    }
}

/// Transport of all samples of this adapter, except relayed ones.
const SOURCE: Source = Source::Nats;
