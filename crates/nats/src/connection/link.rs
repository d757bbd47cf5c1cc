use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_nats::{Event, ServerError};
use federation_domain::Monotonic;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::denied::DeniedPermission;
use super::outage::{ConnectionId, OutageLog};
use crate::throttle::Throttle;

/// State of a connection, according to the events of the client.
///
/// Events pass through a queue that may overflow and that is not ordered with the messages. Nothing
/// that must be certain may depend on them alone.
#[derive(Clone)]
pub(crate) struct Link {
    id: ConnectionId,
    outages: Arc<OutageLog>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connected: Notify,
    dropped: AtomicU64,
    denied: AtomicBool,
    relays_denied: AtomicBool,
    relays_refused: AtomicBool,
    pings_refused: AtomicBool,
    warned_of_peers: AtomicBool,
    warned_of_relays: [AtomicBool; 2],
    warned_of_pings: AtomicBool,
    warned_of_requests: AtomicBool,
    warned_of_samples: AtomicBool,
    warned_of_edges: AtomicBool,
    refused_publishes: Mutex<Throttle>,
}

impl Link {
    pub(super) fn new(outages: Arc<OutageLog>) -> Self {
        Self { id: outages.register(), outages, shared: Arc::default() }
    }

    pub(super) fn note_failure(&self, cause: &str, now: Monotonic) {
        self.outages.failed(self.id, cause, now);
    }

    pub(crate) fn note(&self, event: &Event, now: Monotonic) {
        match event {
            Event::Connected => {
                self.shared.denied.store(false, Ordering::Relaxed);
                self.shared.relays_denied.store(false, Ordering::Relaxed);
                self.shared.relays_refused.store(false, Ordering::Relaxed);
                self.shared.pings_refused.store(false, Ordering::Relaxed);
                self.shared.connected.notify_one();
                tracing::debug!("NATS connection is established");
                self.outages.connected(self.id, now);
            }
            Event::Disconnected => {
                tracing::debug!("NATS connection is lost; client reconnects");
                self.outages.lost(self.id, now);
            }
            Event::SlowConsumer(_) => {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Event::ServerError(error) => self.note_server_error(error, now),
            // `Attempts` has the full error.
            Event::ClientError(error) => tracing::debug!(%error, "NATS client reports an error"),
            Event::Closed => {
                tracing::debug!("NATS connection is closed");
                self.outages.closed(self.id);
            }
            Event::LameDuckMode | Event::Draining => {
                tracing::debug!(%event, "NATS client reports an event");
            }
        }
    }

    fn note_server_error(&self, error: &ServerError, now: Monotonic) {
        let denied = match error {
            ServerError::Other(text) => DeniedPermission::read(text),
            ServerError::AuthorizationViolation | ServerError::SlowConsumer(_) => None,
        };
        match denied {
            None => tracing::warn!(%error, "NATS server reports an error"),
            Some(DeniedPermission::Hearing) => {
                self.shared.denied.store(true, Ordering::Relaxed);
                tracing::warn!(%error, "NATS server denies a subscription or a sentinel; no heartbeats are received");
            }
            // Permissions that predate these subjects deny them on each connection. One line is
            // enough.
            Some(DeniedPermission::HearingRelays) => {
                self.shared.relays_denied.store(true, Ordering::Relaxed);
                if !self.shared.warned_of_relays[0].swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %error,
                        "NATS user may not subscribe to hub.federation.heartbeats.*; this replica \
                         misses the HTTP heartbeats of other replicas and cannot know the status \
                         of their projects"
                    );
                }
            }
            Some(DeniedPermission::Relay) => {
                self.shared.relays_refused.store(true, Ordering::Relaxed);
                if !self.shared.warned_of_relays[1].swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %error,
                        "NATS user may not publish on hub.federation.heartbeats.*; HTTP heartbeats \
                         reach other replicas through the store"
                    );
                }
            }
            Some(DeniedPermission::Peers)
                if !self.shared.warned_of_peers.swap(true, Ordering::Relaxed) =>
            {
                tracing::warn!(
                    %error,
                    "NATS user may not subscribe to hub.federation.>; changes of other replicas \
                     are read from the store every second"
                );
            }
            Some(DeniedPermission::Pings)
                if !self.shared.warned_of_pings.swap(true, Ordering::Relaxed) =>
            {
                tracing::warn!(
                    %error,
                    "NATS user may not subscribe to the ping subject of the project; heartbeats \
                     are sent, but pings are not answered"
                );
            }
            Some(DeniedPermission::Requests)
                if !self.shared.warned_of_requests.swap(true, Ordering::Relaxed) =>
            {
                tracing::warn!(
                    %error,
                    "NATS user may not subscribe to hub.federation.projects.* or to $SRV.>; the \
                     catalog cannot be queried or discovered over NATS"
                );
            }
            Some(DeniedPermission::Samples)
                if !self.shared.warned_of_samples.swap(true, Ordering::Relaxed) =>
            {
                tracing::warn!(
                    %error,
                    "NATS user may not subscribe to the subjects of metrics; metrics over NATS are \
                     not received"
                );
            }
            Some(DeniedPermission::Edges)
                if !self.shared.warned_of_edges.swap(true, Ordering::Relaxed) =>
            {
                tracing::warn!(
                    %error,
                    "NATS user may not subscribe to all subjects of edges; edges on the others are \
                     not received"
                );
            }
            Some(
                DeniedPermission::Peers
                | DeniedPermission::Pings
                | DeniedPermission::Requests
                | DeniedPermission::Edges
                | DeniedPermission::Samples,
            ) => {}
            Some(DeniedPermission::Ping) => {
                self.shared.pings_refused.store(true, Ordering::Relaxed);
                self.note_denied_publish(error, now);
            }
            Some(DeniedPermission::Message) => self.note_denied_publish(error, now),
        }
    }

    fn note_denied_publish(&self, error: &ServerError, now: Monotonic) {
        if let Some(suppressed) = self.shared.refused_publishes.lock().admit(now) {
            tracing::warn!(%error, suppressed, "NATS server denies a published message");
        }
    }

    /// Waits for a connection that was established since the last call.
    pub(crate) async fn connected(&self) {
        self.shared.connected.notified().await;
    }

    /// Returns the number of messages that the client reported as dropped since the last call.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.shared.dropped.swap(0, Ordering::Relaxed)
    }

    /// Returns whether the server denied a subscription to heartbeats, or the sentinels, on this
    /// connection. Subscriptions to messages of replicas and to pings do not count.
    pub(crate) fn is_denied(&self) -> bool {
        self.shared.denied.load(Ordering::Relaxed)
    }

    /// Returns whether the server denied the subscription to relayed heartbeats on this connection.
    pub(crate) fn denies_relays(&self) -> bool {
        self.shared.relays_denied.load(Ordering::Relaxed)
    }

    /// Returns whether the server denied a relayed heartbeat on this connection.
    pub(crate) fn refuses_relays(&self) -> bool {
        self.shared.relays_refused.load(Ordering::Relaxed)
    }

    /// Returns whether the server denied a ping on this connection.
    pub(crate) fn refuses_pings(&self) -> bool {
        self.shared.pings_refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::subjects;

    const NOW: Monotonic = Monotonic(Duration::ZERO);

    fn refused(what: &str) -> Event {
        Event::ServerError(ServerError::Other(format!("Permissions Violation for {what}")))
    }

    #[test]
    fn a_denial_is_forgotten_with_its_connection() {
        let link = Link::new(Arc::default());
        let sentinel = format!("Publish to \"{}\"", subjects::sentinel());
        for what in ["Subscription to \"hub.presence.*\"", &sentinel] {
            link.note(&refused(what), NOW);
            assert!(link.is_denied(), "{what}");
            link.note(&Event::Connected, NOW);
            assert!(!link.is_denied());
        }
    }

    #[test]
    fn a_denied_heartbeat_does_not_make_the_subscriber_deaf() {
        let link = Link::new(Arc::default());
        link.note(&refused("Publish to \"hub.presence.a\""), NOW);
        assert!(!link.is_denied());
    }

    #[test]
    fn subscriptions_that_hearing_does_not_need_may_be_denied() {
        let link = Link::new(Arc::default());
        for what in ["hub.federation.heartbeats.*", "hub.federation.changes.*", "hub.docs.ping"] {
            link.note(&refused(&format!("Subscription to \"{what}\"")), NOW);
            assert!(!link.is_denied() && !link.refuses_pings(), "{what}");
        }
    }

    #[test]
    fn denied_relays_are_forgotten_with_their_connection() {
        let link = Link::new(Arc::default());
        link.note(&refused("Subscription to \"hub.federation.heartbeats.*\""), NOW);
        assert_eq!((link.denies_relays(), link.refuses_relays()), (true, false));
        link.note(&refused("Publish to \"hub.federation.heartbeats.docs\""), NOW);
        assert_eq!((link.denies_relays(), link.refuses_relays()), (true, true));
        link.note(&Event::Connected, NOW);
        assert_eq!((link.denies_relays(), link.refuses_relays()), (false, false));
    }

    #[test]
    fn a_denied_ping_is_forgotten_with_its_connection() {
        let link = Link::new(Arc::default());
        link.note(&refused("Publish to \"hub.docs.ping\""), NOW);
        assert!(link.refuses_pings() && !link.is_denied());
        link.note(&Event::Connected, NOW);
        assert!(!link.refuses_pings());
    }

    #[test]
    fn denied_messages_do_not_flood_the_log() {
        let link = Link::new(Arc::default());
        for _ in 0..40 {
            link.note(&refused("Publish to \"hub.presence.a\""), NOW);
        }
        let later = Monotonic(Duration::from_secs(60));
        assert_eq!(link.shared.refused_publishes.lock().admit(later), Some(39));
    }

    #[test]
    fn drops_are_counted_once() {
        let link = Link::new(Arc::default());
        link.note(&Event::SlowConsumer(1), NOW);
        link.note(&Event::SlowConsumer(2), NOW);
        assert_eq!((link.take_dropped(), link.take_dropped()), (2, 0));
    }
}
