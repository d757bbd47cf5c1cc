//! Deliveries of notifications.

use federation_domain::Delivery;
use serde::Serialize;
use utoipa::ToSchema;

use super::timestamp::Timestamp;

/// A notification about an incident to one channel, and the state of its delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = Notification)]
pub(crate) struct NotificationBody<'a> {
    /// Number of the notification. Newer ones have larger numbers.
    #[schema(minimum = 1, example = 17)]
    id: i64,
    /// Id of the incident.
    #[schema(example = "4")]
    incident: &'a str,
    /// Number of the event among those of the incident.
    sequence: i64,
    /// Name of the channel.
    #[schema(example = "hook")]
    channel: &'a str,
    /// Event of the incident.
    #[schema(value_type = EventName)]
    event: &'static str,
    /// State of the delivery.
    #[schema(value_type = DeliveryStatus)]
    status: &'static str,
    /// Title of the incident at the time of the event.
    #[schema(example = "db is offline")]
    title: &'a str,
    /// Number of the message that contains the notification. Null before the first attempt.
    #[schema(required)]
    message: Option<i64>,
    /// Number of attempts.
    attempts: u32,
    /// Time of the event.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Time of the next attempt. While an attempt is in progress, the time at which another replica
    /// takes over. Null if there is none.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    next_attempt_at: Option<Timestamp>,
    /// Time at which it was delivered or given up.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    finished_at: Option<Timestamp>,
    /// Error of the last attempt.
    #[schema(required, example = "status 503")]
    last_error: Option<&'a str>,
}

/// Event of an incident.
#[derive(ToSchema)]
#[schema(as = NotificationEvent, rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document")]
enum EventName {
    Opened,
    Repeated,
    Resolved,
}

/// State of a delivery: `dead` after 24 hours of attempts.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document")]
pub(crate) enum DeliveryStatus {
    Pending,
    Delivered,
    Dead,
}

impl<'a> From<&'a Delivery> for NotificationBody<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        let notification = &delivery.notification;
        let is_pending = delivery.finished_at.is_none();
        Self {
            id: delivery.id.0,
            incident: &notification.incident,
            sequence: notification.sequence,
            channel: notification.channel.as_str(),
            event: notification.event.as_str(),
            status: delivery.state.as_str(),
            title: &notification.summary.title,
            message: delivery.message.map(|message| message.0),
            attempts: delivery.attempts,
            created_at: Timestamp(notification.at),
            next_attempt_at: is_pending.then_some(Timestamp(notification.due_at)),
            finished_at: delivery.finished_at.map(Timestamp),
            last_error: delivery.last_error.as_deref(),
        }
    }
}
