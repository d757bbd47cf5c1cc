//! Metrics of notifications.

use federation_domain::{ChannelDepth, ChannelName, DeliveryOutcome};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Exposition;

use super::{Metrics, Name};

/// Label of channels that are not configured any more, so that the number of labels is bounded.
const OTHER: &str = "other";

const OUTCOMES: [Name; 3] = [Name("delivered"), Name("failed"), Name("dead")];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByChannel {
    channel: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByChannelAndOutcome {
    channel: String,
    outcome: Name,
}

#[derive(Default)]
pub(super) struct NotificationCounts {
    attempts: Family<ByChannelAndOutcome, Counter>,
    pending: Family<ByChannel, Gauge>,
    dead: Family<ByChannel, Gauge>,
}

impl NotificationCounts {
    pub(super) fn register(&self, to: &mut Exposition) {
        to.register(
            "federation_notification_attempts",
            "Attempts to send a message, by channel and outcome",
            self.attempts.clone(),
        );
        to.register(
            "federation_notifications_pending",
            "Notifications that wait for delivery, of all replicas, by channel",
            self.pending.clone(),
        );
        to.register(
            "federation_notifications_dead",
            "Notifications that were given up and not retried, of all replicas, by channel",
            self.dead.clone(),
        );
    }
}

impl Metrics {
    pub(crate) fn notification_attempted(&self, channel: &ChannelName, outcome: &DeliveryOutcome) {
        let [delivered, failed, dead] = OUTCOMES;
        let outcome = match outcome {
            DeliveryOutcome::Delivered => delivered,
            DeliveryOutcome::Failed { .. } => failed,
            DeliveryOutcome::Dead { .. } => dead,
        };
        let labels = ByChannelAndOutcome { channel: channel.to_string(), outcome };
        self.0.notifications.attempts.get_or_create(&labels).inc();
    }

    pub(crate) fn set_outbox(&self, configured: &[ChannelName], depth: &[ChannelDepth]) {
        let NotificationCounts { attempts, pending, dead } = &self.0.notifications;
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let label = |channel: &str| ByChannel { channel: channel.to_owned() };
        let names = configured.iter().map(ChannelName::as_str).chain([OTHER]);
        pending.clear();
        dead.clear();
        for name in names {
            pending.get_or_create(&label(name)).set(0);
            dead.get_or_create(&label(name)).set(0);
            // A counter that starts with its first event hides that event from `increase`.
            for outcome in OUTCOMES {
                let channel = name.to_owned();
                drop(attempts.get_or_create(&ByChannelAndOutcome { channel, outcome }));
            }
        }
        for one in depth {
            let is_known = configured.contains(&one.channel);
            let name = if is_known { one.channel.as_str() } else { OTHER };
            pending.get_or_create(&label(name)).inc_by(count(one.pending));
            dead.get_or_create(&label(name)).inc_by(count(one.dead));
        }
    }
}
