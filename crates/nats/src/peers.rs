//! Messages between replicas of the service, and pings of projects.

mod probe;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_nats::Subscriber;
use async_trait::async_trait;
use federation_domain::{
    ChangeSink, Clock, Heartbeat, HeartbeatRelay, LogEntry, MeshNamespace, Probe, Prober, Sample,
    SampleRelay, Slug,
};
use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::task::unconstrained;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, ConnectionError, NatsContext, Tuning};
use crate::replica::ReplicaId;
use crate::subjects;
use crate::throttle::Throttle;
use crate::wire::{PlainValue, RelayedHeartbeat, encode_entry, encode_samples};

/// Capacity of the queue of outgoing messages: several batches of changes and the heartbeats
/// between them. Bounds its memory to a few megabytes, because messages have at most a few
/// kilobytes.
const CLIENT_CAPACITY: usize = 8_192;
/// Capacity of the subscription to announcements. They are hints, so some may be dropped.
const SUBSCRIPTION_CAPACITY: usize = 8_192;

/// Deadline for writing a relayed heartbeat to the connection. After that, the other replicas must
/// get the heartbeat from the store.
const FLUSH_DEADLINE: Duration = Duration::from_secs(1);

/// Connection of this replica to the other replicas. Cheap to clone.
///
/// It announces changes ([`ChangeSink`], on `hub.federation.changes.*`), relays heartbeats
/// received over HTTP ([`HeartbeatRelay`], on `hub.federation.heartbeats.{slug}`), and pings
/// projects ([`Prober`], on `{mesh_namespace}.ping`). It has its own connection, so that none of
/// this delays incoming heartbeats.
///
/// **Nothing waits for an absent server**: a message that cannot be sent at once is dropped. All
/// replicas read the change log every second, so an announcement only makes them read it sooner.
/// Announcements may arrive out of order, twice or never, and MUST be treated as hints.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    connection: Connection,
    replica: ReplicaId,
    clock: Arc<dyn Clock>,
    overflow: Mutex<Throttle>,
}

impl Peers {
    /// Checks the settings and starts to connect in the background. Retries forever.
    ///
    /// # Errors
    /// Fails if the settings are invalid. An absent server is not an error.
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

    /// Returns the id of this replica.
    #[must_use]
    pub fn replica(&self) -> ReplicaId {
        self.0.replica
    }

    /// Calls `on_change` when another replica announces changes, until cancelled.
    ///
    /// Also calls it after each new connection, because announcements may have been missed. Messages
    /// that arrive together lead to one call. `on_change` MUST NOT block. Run this only once.
    ///
    /// Returns before it is cancelled only if the client stops, which it does not do on its own.
    pub async fn run(self, on_change: impl Fn() + Send + Sync, cancel: CancellationToken) {
        let connection = &self.0.connection;
        let mut changes = match connection.client.subscribe(subjects::ALL_CHANGES).await {
            Ok(changes) => changes,
            Err(error) => {
                return tracing::error!(%error, "subscription to changes of other replicas fails");
            }
        };
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = connection.link.connected() => {}
                heard = next_burst(&mut changes) => if heard.is_none() {
                    return tracing::error!("NATS client stopped; changes of other replicas are not received");
                },
            }
            on_change();
        }
    }

    #[cfg(test)]
    pub(crate) fn is_up(&self) -> bool {
        self.0.connection.is_up()
    }

    /// Sends a message without waiting. Returns `false` if the client does not accept it.
    fn send(&self, subject: String, payload: serde_json::Result<Vec<u8>>) -> bool {
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(%error, "message to other replicas cannot be encoded");
                return true;
            }
        };
        if self.0.connection.publish_now(subject, payload) {
            return true;
        }
        if let Some(suppressed) = self.0.overflow.lock().admit(self.0.clock.monotonic()) {
            tracing::warn!(
                suppressed,
                "queue of messages to other replicas is full; message is dropped"
            );
        }
        false
    }
}

/// Waits for a message and discards all that are queued behind it. Returns `None` if the client has
/// stopped.
async fn next_burst(subscriber: &mut Subscriber) -> Option<()> {
    subscriber.next().await?;
    for _ in 0..SUBSCRIPTION_CAPACITY {
        // Once the cooperative budget is spent, the queue could seem empty.
        if unconstrained(subscriber.next()).now_or_never().flatten().is_none() {
            break;
        }
    }
    Some(())
}

impl ChangeSink for Peers {
    /// Drops the remaining entries once the client does not accept one.
    fn publish(&self, entries: &[LogEntry]) {
        if !self.0.connection.is_up() {
            return tracing::debug!(
                changes = entries.len(),
                "changes are not announced: NATS is not connected"
            );
        }
        for entry in entries {
            let of_incidents = subjects::incident(entry);
            for subject in std::iter::once(subjects::entry(entry)).chain(of_incidents) {
                if !self.send(subject, encode_entry(entry)) {
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl HeartbeatRelay for Peers {
    async fn relay(&self, heartbeat: &Heartbeat<'_>) -> bool {
        // The client would send it after the reconnect, when it is out of date.
        if !self.0.connection.is_up() {
            tracing::debug!("heartbeat is not relayed: NATS is not connected");
            return false;
        }
        // Logged when the server denied it.
        if self.0.connection.link.refuses_relays() {
            return false;
        }
        let Ok(subject) = subjects::relay(heartbeat.slug) else {
            tracing::error!("heartbeat is not relayed: its slug is invalid");
            return false;
        };
        let relayed = RelayedHeartbeat {
            replica: self.0.replica,
            at: self.0.clock.utc(),
            heartbeat: heartbeat.clone(),
        };
        // Acknowledged once the client has written it to the connection.
        self.send(subject, relayed.encode())
            && matches!(timeout(FLUSH_DEADLINE, self.0.connection.client.flush()).await, Ok(Ok(())))
    }
}

impl SampleRelay for Peers {
    fn relay_samples(&self, slug: &Slug, samples: &[Sample<'_>], observed_at: OffsetDateTime) {
        if !self.0.connection.is_up() {
            return tracing::debug!("samples are not relayed: NATS is not connected");
        }
        let values = samples.iter().map(|sample| {
            let value = sample.value();
            (sample.metric(), PlainValue::of(value.as_number(), value.as_text()))
        });
        let payload = encode_samples(slug, Some(self.0.replica), values, observed_at);
        self.send(subjects::relayed_metrics(slug), payload);
    }
}

#[async_trait]
impl Prober for Peers {
    async fn probe(&self, slug: &Slug, namespace: &MeshNamespace) -> Probe {
        probe::probe(&self.0.connection, slug, namespace, probe::PING_DEADLINE).await
    }
}
