//! Tests of the channels against receivers on real sockets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation fails the test")]

mod alertmanager;
mod email;
mod endpoints;
mod failures;
mod receiver;
mod slack;
mod webhook;

use std::sync::Arc;

use federation_domain::{
    DELIVERY_PERIOD, Delivery, DeliveryId, DeliveryState, Message, MessageId, Messenger,
    NotificationEvent,
};
use federation_notify::{Channel, ChannelDeps, OutboundPolicy};
use federation_testkit::ManualClock;
use federation_testkit::contract::outbox::notification;
use federation_testkit::contract::samples::moment;

/// Returns the messenger of a channel of a service at `https://fed.example.org`.
fn messenger(channel: Channel) -> Arc<dyn Messenger> {
    channel.messenger(&ChannelDeps {
        clock: Arc::new(ManualClock::default()),
        public_url: Some("https://fed.example.org/".to_owned()),
        policy: OutboundPolicy::default(),
    })
}

/// Returns a message about these incidents.
fn message(event: NotificationEvent, incidents: &[&str]) -> Message {
    let delivery = |incident: &&str| {
        let mut notification = notification(incident, 1, event, moment(0));
        notification.summary.earlier.clear();
        if event != NotificationEvent::Resolved {
            notification.summary.resolved_at = None;
        }
        Delivery {
            id: DeliveryId(7),
            notification,
            state: DeliveryState::Pending,
            message: Some(MessageId(7)),
            attempts: 1,
            expires_at: moment(0) + DELIVERY_PERIOD,
            last_error: None,
            finished_at: None,
        }
    };
    let deliveries: Vec<_> = incidents.iter().map(delivery).collect();
    let channel = deliveries[0].notification.channel.clone();
    Message { id: MessageId(7), channel, event, deliveries }
}
