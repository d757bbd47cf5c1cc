//! What replicas of the service say to each other, and ask of projects.

mod probe;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_nats::Subscriber;
use async_trait::async_trait;
use federation_domain::{
    Change, ChangeSink, Clock, Heartbeat, HeartbeatRelay, MeshNamespace, Probe, Prober, Slug,
};
use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use tokio::task::unconstrained;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, ConnectionError, NatsContext, Tuning};
use crate::replica::ReplicaId;
use crate::subjects;
use crate::throttle::Throttle;
use crate::wire::{RelayedHeartbeat, encode_change};

/// Room for several batches of the writer, and for the heartbeats between them. It bounds the
/// memory of what waits: some megabytes, as nothing here is larger than a few kilobytes and most
/// is a tenth of one.
const CLIENT_CAPACITY: usize = 8_192;
/// Announcements are no more than hints, so it is no matter if some are dropped.
const SUBSCRIPTION_CAPACITY: usize = 8_192;

/// How long a heartbeat that is handed on may take to the connection; longer, and the store has to
/// tell of it.
const FLUSHED_WITHIN: Duration = Duration::from_secs(1);

/// The voice of this replica among the others. Cheap to clone.
///
/// It tells of changes ([`ChangeSink`], on `hub.federation.changes.{slug}`), hands on heartbeats
/// that came over HTTP ([`HeartbeatRelay`], on `hub.federation.heartbeats.{slug}`), and asks
/// projects whether they are alive ([`Prober`], on `{mesh_namespace}.ping`). It has a connection
/// of its own, so that none of this can crowd out heartbeats where they are heard.
///
/// **Nothing waits for a server that is away**: what cannot be sent at once is dropped. Changes
/// are in the log, which every follower reads each second; who hears of one only learns sooner.
/// Announcements may come out of order, twice or not at all, and MUST be taken as hints.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    connection: Connection,
    replica: ReplicaId,
    clock: Arc<dyn Clock>,
    overflow: Mutex<Throttle>,
}

impl Peers {
    /// Checks the settings and begins to connect in the background, for ever.
    ///
    /// # Errors
    /// What is wrong with the settings. An absent server is no error.
    pub async fn connect(context: &NatsContext) -> Result<Self, ConnectionError> {
        let tuning = Tuning {
            subscription_capacity: SUBSCRIPTION_CAPACITY,
            client_capacity: CLIENT_CAPACITY,
            echo: false,
            ..Tuning::default()
        };
        Ok(Self(Arc::new(Inner {
            connection: Connection::open(context, &tuning).await?,
            replica: ReplicaId::random(),
            clock: context.clock(),
            overflow: Mutex::default(),
        })))
    }

    /// Which replica this is.
    #[must_use]
    pub fn replica(&self) -> ReplicaId {
        self.0.replica
    }

    /// Calls `news` when another replica tells of changes, and after each new connection, since
    /// something may have been missed; until cancelled. Many messages at once are one call. To be
    /// run once. `news` MUST NOT block.
    ///
    /// It returns without being cancelled only when the client has ended, which it does not do by
    /// itself.
    pub async fn run(self, news: impl Fn() + Send + Sync, cancel: CancellationToken) {
        let connection = &self.0.connection;
        let mut changes = match connection.client.subscribe(subjects::ALL_CHANGES).await {
            Ok(changes) => changes,
            Err(error) => return tracing::error!(%error, "the other replicas cannot be heard"),
        };
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = connection.link.connected() => {}
                heard = hear_all(&mut changes) => if heard.is_none() {
                    return tracing::error!("the NATS client ended; other replicas are not heard");
                },
            }
            news();
        }
    }

    #[cfg(test)]
    pub(crate) fn is_up(&self) -> bool {
        self.0.connection.is_up()
    }

    /// Sends one message now or never; whether the client took it.
    fn say(&self, subject: String, payload: serde_json::Result<Vec<u8>>) -> bool {
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(%error, "a message to the other replicas cannot be written");
                return true;
            }
        };
        if self.0.connection.publish_now(subject, payload) {
            return true;
        }
        if let Some(suppressed) = self.0.overflow.lock().admit(self.0.clock.monotonic()) {
            tracing::warn!(suppressed, "the NATS client takes no message to the other replicas");
        }
        false
    }
}

/// Waits for a message and takes in all that wait behind it; none when the client has ended.
async fn hear_all(subscriber: &mut Subscriber) -> Option<()> {
    subscriber.next().await?;
    for _ in 0..SUBSCRIPTION_CAPACITY {
        // Within the runtime's budget it could seem empty though messages wait.
        if unconstrained(subscriber.next()).now_or_never().flatten().is_none() {
            break;
        }
    }
    Some(())
}

impl ChangeSink for Peers {
    /// Once the client takes no more, the rest is left out too.
    fn publish(&self, changes: &[Change]) {
        if !self.0.connection.is_up() {
            return tracing::debug!(changes = changes.len(), "not told: the NATS server is away");
        }
        for change in changes {
            if !self.say(subjects::change(&change.slug), encode_change(change)) {
                return;
            }
        }
    }
}

#[async_trait]
impl HeartbeatRelay for Peers {
    async fn relay(&self, heartbeat: &Heartbeat<'_>) -> bool {
        // The client would keep it until the server is back, and then it would be old.
        if !self.0.connection.is_up() {
            tracing::debug!("not handed on: the NATS server is away");
            return false;
        }
        // Said once in the log, where the server said so.
        if self.0.connection.link.refuses_relays() {
            return false;
        }
        let Ok(subject) = subjects::relay(heartbeat.slug) else {
            tracing::error!("a heartbeat is not handed on: it is of no valid slug");
            return false;
        };
        let relayed = RelayedHeartbeat {
            replica: self.0.replica,
            at: self.0.clock.utc(),
            heartbeat: heartbeat.clone(),
        };
        // On its way is what the client has written to its connection.
        self.say(subject, relayed.encode())
            && matches!(timeout(FLUSHED_WITHIN, self.0.connection.client.flush()).await, Ok(Ok(())))
    }
}

#[async_trait]
impl Prober for Peers {
    async fn probe(&self, slug: &Slug, namespace: &MeshNamespace) -> Probe {
        probe::probe(&self.0.connection, slug, namespace, probe::PATIENCE).await
    }
}
