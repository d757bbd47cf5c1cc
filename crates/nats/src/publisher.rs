//! Sends the heartbeats of one project and answers its pings, for a Rust program to embed.

mod pings;
mod settings;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use federation_application::SystemClock;
use federation_domain::{Clock, Condition};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use settings::PublisherSettings;

use crate::connection::{Connection, ConnectionError, NatsContext, Tuning};
use crate::subjects;
use crate::wire::{HeartbeatMessage, PingAnswer};
use pings::Pings;

/// How long the end waits for the last message to reach the server.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// Sends heartbeats: one at once when connected, one at each interval, one when the reported
/// condition changes.
///
/// Nothing is sent while the broker is away, so nothing piles up and floods it on its return.
///
/// It also answers pings on `{mesh_namespace}.ping`, at most 64 a second, by saying how the project
/// is. Where the server does not permit that, heartbeats go on without.
pub struct HeartbeatPublisher {
    settings: PublisherSettings,
    subject: String,
    connection: Connection,
    clock: Arc<dyn Clock>,
    condition: watch::Sender<Option<Condition>>,
}

/// Says how the project is. Cheap to clone; what it says stands until it says otherwise.
#[derive(Debug, Clone)]
pub struct ConditionReporter {
    condition: watch::Sender<Option<Condition>>,
}

impl ConditionReporter {
    /// The project works, but not well. Ten reasons of 200 characters are kept by the service.
    pub fn report_degraded(&self, reasons: impl IntoIterator<Item = impl Into<String>>) {
        let reasons = reasons.into_iter().map(Into::into).collect();
        self.report(Condition::Degraded { reasons });
    }

    /// The project is well.
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
    /// Checks the settings and begins to connect in the background, for ever.
    ///
    /// # Errors
    /// What is wrong with the settings. An absent server is no error.
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
        })
    }

    /// The handle by which the project says how it is.
    #[must_use]
    pub fn reporter(&self) -> ConditionReporter {
        ConditionReporter { condition: self.condition.clone() }
    }

    /// Sends heartbeats until cancelled; then sees to it that the last one is sent, for at most
    /// 2 s.
    pub async fn run(self, cancel: CancellationToken) {
        let mut condition = self.condition.subscribe();
        let link = self.connection.link.clone();
        let mut pings = Pings::hear(&self.connection.client, &self.settings.mesh_namespace).await;
        let mut due = pin!(sleep(self.next_interval()));
        loop {
            // Pings come last, and leave the interval alone: no flood of them delays a heartbeat.
            let connected = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = link.connected() => {
                    tracing::info!("publisher is connected");
                    true
                }
                changed = condition.changed() => match changed {
                    Ok(()) => self.connection.is_up(),
                    Err(_) => break,
                },
                () = &mut due => self.connection.is_up(),
                reply = pings.next(&*self.clock) => {
                    self.answer(reply, condition.borrow().as_ref());
                    continue;
                }
            };
            // The client tells of a connection a moment before its state says the same, so the
            // state is not asked then.
            self.beat(connected, condition.borrow_and_update().as_ref());
            due.set(sleep(self.next_interval()));
        }
        if self.connection.is_up()
            && timeout(LAST_FLUSH, self.connection.client.flush()).await.is_err()
        {
            tracing::warn!("the last heartbeat may not have reached the NATS server");
        }
    }

    fn beat(&self, connected: bool, condition: Option<&Condition>) {
        // The client would keep the message until the broker is back.
        if !connected {
            return tracing::debug!("no heartbeat is sent: the NATS server is away");
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
                // An old heartbeat is of no use later.
                if !self.connection.publish_now(self.subject.clone(), payload) {
                    tracing::warn!("the NATS client takes no heartbeat now");
                }
            }
            Err(error) => tracing::error!(%error, "the heartbeat cannot be written"),
        }
    }

    fn answer(&self, reply: Subject, condition: Option<&Condition>) {
        let condition = condition.unwrap_or(&Condition::Online);
        match (PingAnswer { slug: &self.settings.slug, condition }).encode() {
            Ok(payload) => {
                if !self.connection.publish_now(reply, payload) {
                    tracing::debug!("the NATS client takes no answer to a ping now");
                }
            }
            Err(error) => tracing::error!(%error, "the answer to a ping cannot be written"),
        }
    }

    /// The interval ±10 %, so that projects started together do not beat together.
    fn next_interval(&self) -> Duration {
        self.settings.interval.get().mul_f64(0.9 + fastrand::f64() / 5.0)
    }
}
