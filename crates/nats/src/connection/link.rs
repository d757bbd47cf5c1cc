use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_nats::{Event, ServerError};
use federation_domain::Monotonic;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::denied::DeniedPermission;
use super::outage::{ConnectionId, OutageLog};
use crate::throttle::Throttle;

/// What the client tells of its connection by itself. Its events pass a queue that may overflow
/// and that runs beside the messages, so nothing that must be certain may rest on them alone.
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
    told_of_peers: AtomicBool,
    told_of_relays: [AtomicBool; 2],
    told_of_pings: AtomicBool,
    told_of_requests: AtomicBool,
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
            // `Attempts` has the whole error.
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
            None => tracing::warn!(%error, "the NATS server reports an error"),
            Some(DeniedPermission::Hearing) => {
                self.shared.denied.store(true, Ordering::Relaxed);
                tracing::warn!(%error, "the NATS server does not let heartbeats be heard");
            }
            // Servers whose permissions were written before there were such subjects refuse them
            // at each connection; once is enough for the log.
            Some(DeniedPermission::HearingRelays) => {
                self.shared.relays_denied.store(true, Ordering::Relaxed);
                if !self.shared.told_of_relays[0].swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %error,
                        "this replica cannot hear what others hear over HTTP: its NATS user lacks \
                         the permission to subscribe to hub.federation.heartbeats.*; the status of \
                         projects that speak over HTTP cannot be known here"
                    );
                }
            }
            Some(DeniedPermission::Relay) => {
                self.shared.relays_refused.store(true, Ordering::Relaxed);
                if !self.shared.told_of_relays[1].swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %error,
                        "heartbeats over HTTP cannot be handed on: the NATS user lacks the \
                         permission to publish on hub.federation.heartbeats.*; the store tells the \
                         other replicas of them"
                    );
                }
            }
            Some(DeniedPermission::Peers)
                if !self.shared.told_of_peers.swap(true, Ordering::Relaxed) =>
            {
                tracing::warn!(
                    %error,
                    "this replica is not told what the others change: its NATS user lacks the \
                     permission to subscribe to hub.federation.>; it reads the log every second"
                );
            }
            Some(DeniedPermission::Pings)
                if !self.shared.told_of_pings.swap(true, Ordering::Relaxed) =>
            {
                tracing::warn!(
                    %error,
                    "pings cannot be heard: the NATS user lacks the permission to subscribe to \
                     the project's ping subject; heartbeats go on"
                );
            }
            Some(DeniedPermission::Requests)
                if !self.shared.told_of_requests.swap(true, Ordering::Relaxed) =>
            {
                tracing::warn!(
                    %error,
                    "the catalog cannot be asked, or not be found, over NATS: the NATS user lacks \
                     the permission to subscribe to hub.federation.projects.* or to $SRV.>"
                );
            }
            Some(
                DeniedPermission::Peers | DeniedPermission::Pings | DeniedPermission::Requests,
            ) => {}
            Some(DeniedPermission::Ping) => {
                self.shared.pings_refused.store(true, Ordering::Relaxed);
                self.note_refused_publish(error, now);
            }
            Some(DeniedPermission::Message) => self.note_refused_publish(error, now),
        }
    }

    /// Each message is refused anew; not each is worth a line.
    fn note_refused_publish(&self, error: &ServerError, now: Monotonic) {
        if let Some(suppressed) = self.shared.refused_publishes.lock().admit(now) {
            tracing::warn!(%error, suppressed, "the NATS server refuses what is sent");
        }
    }

    /// Waits for the next connection; at once if there was one since the last call.
    pub(crate) async fn connected(&self) {
        self.shared.connected.notified().await;
    }

    /// How many messages the client dropped since the last call, as far as it told.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.shared.dropped.swap(0, Ordering::Relaxed)
    }

    /// Whether the server refused, on this connection, a subscription that hearing needs, or the
    /// sentinels. Those to what replicas say to each other and to pings are not among them.
    pub(crate) fn is_denied(&self) -> bool {
        self.shared.denied.load(Ordering::Relaxed)
    }

    /// Whether the server refused, on this connection, the subscription to heartbeats that other
    /// replicas hand on.
    pub(crate) fn denies_relays(&self) -> bool {
        self.shared.relays_denied.load(Ordering::Relaxed)
    }

    /// Whether the server refused, on this connection, to take a heartbeat for other replicas.
    pub(crate) fn refuses_relays(&self) -> bool {
        self.shared.relays_refused.load(Ordering::Relaxed)
    }

    /// Whether the server refused, on this connection, to take a ping.
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
    fn a_refusal_is_forgotten_with_its_connection() {
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
    fn a_refused_heartbeat_does_not_deny_hearing() {
        let link = Link::new(Arc::default());
        link.note(&refused("Publish to \"hub.presence.a\""), NOW);
        assert!(!link.is_denied());
    }

    #[test]
    fn what_is_not_needed_for_hearing_may_be_refused() {
        let link = Link::new(Arc::default());
        for what in ["hub.federation.heartbeats.*", "hub.federation.changes.*", "hub.docs.ping"] {
            link.note(&refused(&format!("Subscription to \"{what}\"")), NOW);
            assert!(!link.is_denied() && !link.refuses_pings(), "{what}");
        }
    }

    #[test]
    fn refused_relays_are_forgotten_with_their_connection() {
        let link = Link::new(Arc::default());
        link.note(&refused("Subscription to \"hub.federation.heartbeats.*\""), NOW);
        assert_eq!((link.denies_relays(), link.refuses_relays()), (true, false));
        link.note(&refused("Publish to \"hub.federation.heartbeats.docs\""), NOW);
        assert_eq!((link.denies_relays(), link.refuses_relays()), (true, true));
        link.note(&Event::Connected, NOW);
        assert_eq!((link.denies_relays(), link.refuses_relays()), (false, false));
    }

    #[test]
    fn a_refused_ping_is_forgotten_with_its_connection() {
        let link = Link::new(Arc::default());
        link.note(&refused("Publish to \"hub.docs.ping\""), NOW);
        assert!(link.refuses_pings() && !link.is_denied());
        link.note(&Event::Connected, NOW);
        assert!(!link.refuses_pings());
    }

    #[test]
    fn refused_messages_do_not_flood_the_log() {
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
