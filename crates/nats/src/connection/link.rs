use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_nats::{Event, ServerError};
use federation_domain::Monotonic;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::subjects;
use crate::throttle::Throttle;

/// How the server begins to say what it refuses; the subject follows in quotes.
const SUBSCRIPTION_REFUSED: &str = "permissions violation for subscription";
const PUBLISH_REFUSED: &str = "permissions violation for publish";

/// What the client tells of its connection by itself. Its events pass a queue that may overflow
/// and that runs beside the messages, so nothing that must be certain may rest on them alone.
#[derive(Clone, Default)]
pub(crate) struct Link {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connected: Notify,
    dropped: AtomicU64,
    denied: AtomicBool,
    failing: AtomicBool,
    refused_publishes: Mutex<Throttle>,
}

impl Link {
    pub(crate) fn note(&self, event: &Event, now: Monotonic) {
        match event {
            Event::Connected => {
                self.shared.failing.store(false, Ordering::Relaxed);
                self.shared.denied.store(false, Ordering::Relaxed);
                self.shared.connected.notify_one();
                tracing::info!("connected to NATS");
            }
            Event::Disconnected => tracing::warn!("lost the connection to NATS; reconnecting"),
            Event::SlowConsumer(_) => {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Event::ServerError(error) => self.note_server_error(error, now),
            Event::ClientError(error) => {
                // An absent broker fails each attempt; once is enough for the log.
                if self.shared.failing.swap(true, Ordering::Relaxed) {
                    tracing::debug!(%error, "still cannot connect to NATS");
                } else {
                    tracing::warn!(%error, "cannot connect to NATS; trying on");
                }
            }
            Event::LameDuckMode | Event::Draining | Event::Closed => {
                tracing::debug!(%event, "the NATS client reports");
            }
        }
    }

    fn note_server_error(&self, error: &ServerError, now: Monotonic) {
        let text = match error {
            ServerError::Other(text) => text.to_ascii_lowercase(),
            ServerError::AuthorizationViolation | ServerError::SlowConsumer(_) => String::new(),
        };
        let publish_refused = text.contains(PUBLISH_REFUSED);
        let sentinel_refused =
            publish_refused && text.contains(&subjects::SENTINEL_PREFIX.to_ascii_lowercase());
        if sentinel_refused || text.contains(SUBSCRIPTION_REFUSED) {
            self.shared.denied.store(true, Ordering::Relaxed);
        }
        if !publish_refused {
            return tracing::warn!(%error, "the NATS server reports an error");
        }
        // Each message is refused anew.
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

    /// Whether the server refused one of the subscriptions, or the sentinels, on this connection.
    pub(crate) fn is_denied(&self) -> bool {
        self.shared.denied.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Monotonic = Monotonic(Duration::ZERO);

    fn refused(what: &str) -> Event {
        Event::ServerError(ServerError::Other(format!("Permissions Violation for {what}")))
    }

    #[test]
    fn a_refusal_is_forgotten_with_its_connection() {
        let link = Link::default();
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
        let link = Link::default();
        link.note(&refused("Publish to \"hub.presence.a\""), NOW);
        assert!(!link.is_denied());
    }

    #[test]
    fn refused_messages_do_not_flood_the_log() {
        let link = Link::default();
        for _ in 0..40 {
            link.note(&refused("Publish to \"hub.presence.a\""), NOW);
        }
        let later = Monotonic(Duration::from_secs(60));
        assert_eq!(link.shared.refused_publishes.lock().admit(later), Some(39));
    }

    #[test]
    fn drops_are_counted_once() {
        let link = Link::default();
        link.note(&Event::SlowConsumer(1), NOW);
        link.note(&Event::SlowConsumer(2), NOW);
        assert_eq!((link.take_dropped(), link.take_dropped()), (2, 0));
    }
}
