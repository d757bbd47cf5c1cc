use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_nats::{Event, ServerError};
use tokio::sync::Notify;

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
}

impl Link {
    pub(super) fn note(&self, event: &Event) {
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
            Event::ServerError(error) => self.note_server_error(error),
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

    fn note_server_error(&self, error: &ServerError) {
        tracing::warn!(%error, "the NATS server reports an error");
        if let ServerError::Other(text) = error
            && text.to_ascii_lowercase().contains("permissions violation for subscription")
        {
            self.shared.denied.store(true, Ordering::Relaxed);
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

    /// Whether the server refused one of the subscriptions on this connection.
    pub(crate) fn is_denied(&self) -> bool {
        self.shared.denied.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_subscription_is_forgotten_with_its_connection() {
        let link = Link::default();
        let text = "Permissions Violation for Subscription to \"hub.presence.*\"";
        link.note(&Event::ServerError(ServerError::Other(text.into())));
        assert!(link.is_denied());
        link.note(&Event::Connected);
        assert!(!link.is_denied());
    }

    #[test]
    fn drops_are_counted_once() {
        let link = Link::default();
        link.note(&Event::SlowConsumer(1));
        link.note(&Event::SlowConsumer(2));
        assert_eq!((link.take_dropped(), link.take_dropped()), (2, 0));
    }
}
