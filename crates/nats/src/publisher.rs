//! Heartbeat publisher of one project, to be embedded in a Rust program.

mod actions;
mod edges;
mod metrics;
mod pings;
mod settings;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use federation_application::{ObservedEdge, SystemClock};
use federation_domain::{Clock, Condition, InvalidValue};
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use actions::{ActionCall, ActionRejections, HandlerResult};
pub use edges::EdgeDeclarer;
pub use metrics::{MetricReporter, ReportedValue};
pub use settings::PublisherSettings;

use crate::actions::RequestVerifier;
use crate::connection::{Connection, ConnectionError, NatsContext, Tuning};
use crate::subjects;
use crate::wire::{HeartbeatMessage, PingAnswer, encode_edges};
use actions::{ActionService, Handler, Handlers};
use pings::Pings;

/// Deadline for flushing the last heartbeat after cancellation.
const FLUSH_DEADLINE: Duration = Duration::from_secs(2);

/// Time for which metrics wait for others that are set with them.
const METRICS_DELAY: Duration = Duration::from_millis(500);
/// Interval at which all edges are sent. An edge is stale after a day without one of these messages.
const EDGES_EVERY: Duration = Duration::from_secs(10 * 60);

/// Sends a heartbeat on each connection, at each interval, and when the reported condition changes.
///
/// Nothing is sent while the server is unreachable, so it does not receive a backlog when it comes
/// back.
///
/// The publisher also answers pings on `{mesh_namespace}.ping` with the reported condition, at most
/// 64 a second. If the server denies that subscription, only the heartbeats are sent.
pub struct HeartbeatPublisher {
    settings: PublisherSettings,
    subject: String,
    connection: Connection,
    clock: Arc<dyn Clock>,
    condition: watch::Sender<Option<Condition>>,
    metrics: MetricReporter,
    edges: watch::Sender<Vec<ObservedEdge>>,
    handlers: Handlers,
    rejections: ActionRejections,
}

/// Sets the reported condition of the project, which remains in effect until the next report. Cheap
/// to clone.
#[derive(Debug, Clone)]
pub struct ConditionReporter {
    condition: watch::Sender<Option<Condition>>,
}

impl ConditionReporter {
    /// Reports that the project works but is degraded. The service keeps 10 reasons of 200
    /// characters.
    pub fn report_degraded(&self, reasons: impl IntoIterator<Item = impl Into<String>>) {
        let reasons = reasons.into_iter().map(Into::into).collect();
        self.report(Condition::Degraded { reasons });
    }

    /// Reports that the project is healthy.
    pub fn report_online(&self) {
        self.report(Condition::Online);
    }

    fn report(&self, condition: Condition) {
        self.condition.send_if_modified(|current| {
            let changed = current.as_ref() != Some(&condition);
            *current = Some(condition);
            changed
        });
    }
}

impl HeartbeatPublisher {
    /// Checks the settings and starts to connect in the background. Retries forever.
    ///
    /// # Errors
    /// Fails if the settings are invalid. An absent server is not an error.
    pub async fn connect(settings: PublisherSettings) -> Result<Self, ConnectionError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let context = NatsContext::new(settings.nats.clone(), Arc::clone(&clock));
        let tuning = Tuning::beating_every(settings.interval);
        Ok(Self {
            subject: subjects::presence(&settings.slug),
            connection: Connection::open(&context, &tuning).await?,
            settings,
            clock,
            condition: watch::Sender::new(None),
            metrics: MetricReporter::default(),
            edges: watch::Sender::new(Vec::new()),
            handlers: Handlers::default(),
            rejections: ActionRejections::default(),
        })
    }

    /// Returns a handle for reporting the condition of the project.
    #[must_use]
    pub fn reporter(&self) -> ConditionReporter {
        ConditionReporter { condition: self.condition.clone() }
    }

    /// Returns a handle for setting the metrics of the project.
    #[must_use]
    pub fn metrics(&self) -> MetricReporter {
        self.metrics.clone()
    }

    /// Returns a handle for declaring which projects the project uses.
    #[must_use]
    pub fn edges(&self) -> EdgeDeclarer {
        EdgeDeclarer { slug: self.settings.slug.clone(), edges: self.edges.clone() }
    }

    /// Takes an action on request. `handler` gets each request after its signature, time and replay
    /// were checked, and returns the result or the reason why it failed. It is dropped when the time
    /// of the request is up. At most 64 handlers run at the same time.
    ///
    /// The service asks only projects whose `allow_fanout` names the action.
    ///
    /// # Errors
    /// Fails if the name is not that of an action, if there are too many actions, or if the settings
    /// have no [`action_keys`](PublisherSettings::action_keys).
    pub fn on_action<F, H>(&mut self, action: &str, handler: H) -> Result<(), InvalidValue>
    where
        F: Future<Output = HandlerResult> + Send + 'static,
        H: Fn(ActionCall) -> F + Send + Sync + 'static,
    {
        if self.settings.action_keys.is_empty() {
            let allowed = "the key of the project, or MESH_HMAC_KEY";
            return Err(InvalidValue::new("action_keys", "", allowed));
        }
        let handler: Handler = Arc::new(move |call| handler(call).boxed());
        self.handlers.add(&self.settings.action_subjects, action, handler)
    }

    /// Returns the numbers of requests of actions that were rejected.
    #[must_use]
    pub fn action_rejections(&self) -> ActionRejections {
        self.rejections.clone()
    }

    fn action_service(&self) -> ActionService {
        let PublisherSettings { slug, mesh_namespace, action_keys, .. } = &self.settings;
        ActionService::new(
            self.connection.client.clone(),
            mesh_namespace.clone(),
            self.handlers.clone(),
            RequestVerifier::new(slug.clone(), action_keys.clone()),
            Arc::clone(&self.clock),
            self.rejections.clone(),
        )
    }

    /// Sends heartbeats until cancelled, and then flushes the last one for at most 2 s.
    pub async fn run(self, cancel: CancellationToken) {
        let actions = tokio::spawn(self.action_service().run(cancel.clone()));
        let mut condition = self.condition.subscribe();
        let link = self.connection.link.clone();
        let mut pings =
            Pings::subscribe(&self.connection.client, &self.settings.mesh_namespace).await;
        let mut edges = self.edges.subscribe();
        let mut due = pin!(sleep(self.next_interval()));
        let mut metrics = pin!(self.metrics_due());
        let mut edges_due = pin!(sleep(EDGES_EVERY));
        loop {
            // Edges and pings come last and do not restart the interval, so a flood of them does not delay
            // heartbeats.
            let connected = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = link.connected() => {
                    tracing::info!("publisher is connected");
                    self.send_edges(true, &edges.borrow_and_update());
                    true
                }
                changed = condition.changed() => match changed {
                    Ok(()) => self.connection.is_up(),
                    Err(_) => break,
                },
                () = &mut due => self.connection.is_up(),
                () = &mut metrics => {
                    self.send_metrics();
                    metrics.set(self.metrics_due());
                    continue;
                }
                () = changed_or_due(&mut edges, edges_due.as_mut()) => {
                    self.send_edges(self.connection.is_up(), &edges.borrow_and_update());
                    edges_due.set(sleep(EDGES_EVERY));
                    continue;
                }
                reply = pings.next(&*self.clock) => {
                    self.answer(reply, condition.borrow().as_ref());
                    continue;
                }
            };
            // The client emits the event of a connection before it changes its state, so the state
            // is not used in that case.
            self.send_heartbeat(connected, condition.borrow_and_update().as_ref());
            due.set(sleep(self.next_interval()));
        }
        if let Err(error) = actions.await {
            tracing::error!(%error, "task of actions failed");
        }
        self.send_metrics();
        self.flush().await;
    }

    async fn flush(&self) {
        if self.connection.is_up()
            && timeout(FLUSH_DEADLINE, self.connection.client.flush()).await.is_err()
        {
            tracing::warn!("last heartbeat may not have reached the NATS server");
        }
    }

    fn send_heartbeat(&self, connected: bool, condition: Option<&Condition>) {
        // The client would keep the message until it reconnects.
        if !connected {
            return tracing::debug!("heartbeat is not sent: NATS is not connected");
        }
        let message = HeartbeatMessage {
            slug: &self.settings.slug,
            hub_url: &self.settings.hub_url,
            mesh_namespace: &self.settings.mesh_namespace,
            version: &self.settings.version,
            at: self.clock.utc(),
            condition,
        };
        match message.encode() {
            Ok(payload) => {
                if !self.connection.publish_now(self.subject.clone(), payload) {
                    tracing::warn!("queue of the NATS client is full; heartbeat is dropped");
                }
            }
            Err(error) => tracing::error!(%error, "heartbeat cannot be encoded"),
        }
    }

    /// Waits until metrics are set, and then for those that are set with them.
    async fn metrics_due(&self) {
        self.metrics.set_again().await;
        sleep(METRICS_DELAY).await;
    }

    /// Sends the metrics that are set. While the server is unreachable, they wait.
    fn send_metrics(&self) {
        if !self.connection.is_up() {
            return;
        }
        match self.metrics.take(&self.settings.slug, self.clock.utc()) {
            None => {}
            Some(Ok(payload)) => {
                let subject = subjects::metrics(&self.settings.slug);
                if !self.connection.publish_now(subject, payload) {
                    tracing::warn!("queue of the NATS client is full; metrics are dropped");
                }
            }
            Some(Err(error)) => tracing::error!(%error, "metrics cannot be encoded"),
        }
    }

    fn send_edges(&self, connected: bool, edges: &[ObservedEdge]) {
        // The client would keep the message until it reconnects.
        if edges.is_empty() || !connected {
            return;
        }
        let subject = subjects::edges(&self.settings.slug);
        if !self.connection.publish_now(subject, encode_edges(edges)) {
            tracing::warn!("queue of the NATS client is full; edges are dropped");
        }
    }

    fn answer(&self, reply: Subject, condition: Option<&Condition>) {
        let condition = condition.unwrap_or(&Condition::Online);
        match (PingAnswer { slug: &self.settings.slug, condition }).encode() {
            Ok(payload) => {
                if !self.connection.publish_now(reply, payload) {
                    tracing::debug!(
                        "queue of the NATS client is full; answer to a ping is dropped"
                    );
                }
            }
            Err(error) => tracing::error!(%error, "answer to a ping cannot be encoded"),
        }
    }

    /// Returns the interval with a jitter of ±10 %, so that projects started together spread out.
    fn next_interval(&self) -> Duration {
        self.settings.interval.get().mul_f64(0.9 + fastrand::f64() / 5.0)
    }
}

/// Waits until the edges change or are due again.
async fn changed_or_due(
    edges: &mut watch::Receiver<Vec<ObservedEdge>>,
    due: std::pin::Pin<&mut tokio::time::Sleep>,
) {
    tokio::select! {
        Ok(()) = edges.changed() => {}
        () = due => {}
    }
}
