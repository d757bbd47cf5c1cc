//! Notifications about incidents, and the rules by which they are delivered.
//!
//! A [`NewNotification`] tells one channel about one event of one incident. It is stored in the
//! transaction that changes the incident ([`Outbox`](crate::Outbox)), and becomes a [`Delivery`].
//! Deliveries of the same channel and event that become due together are sent as one message.

mod channel_name;
mod delivery;
mod event;
mod message;
mod record;
mod retry;
mod route;
mod summary;

pub use channel_name::ChannelName;
pub use delivery::{
    DELIVERY_PERIOD, Delivery, DeliveryId, DeliveryOutcome, DeliveryQuery, DeliveryState, Lease,
    MAX_ERROR_CHARS, RetriedDelivery, Settlement, delivery_error,
};
pub use event::NotificationEvent;
pub use message::{MAX_MESSAGE_DELIVERIES, Message, MessageId, join_messages, messages_of};
pub use record::DeliveryRecord;
pub use retry::{Breaker, after_failure};
pub use route::{IncidentEvent, REPEAT_EVERY, Route, route};
pub use summary::{
    EarlierState, IncidentSummary, MAX_SUMMARY_CHARS, MAX_SUMMARY_PROJECTS, SharedTag,
};

use time::OffsetDateTime;

/// A notification that is to be stored.
///
/// There is one for each incident, sequence and channel. Storing it again has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// Key of the incident, as in its entries of the log: 1 to 64 characters.
    pub incident: String,
    /// Number of the event among those of the incident, in ascending order. Notifications of an
    /// incident are delivered to a channel in this order.
    pub sequence: i64,
    /// Channel to notify.
    pub channel: ChannelName,
    /// Kind of the event.
    pub event: NotificationEvent,
    /// State of the incident after the event.
    pub summary: IncidentSummary,
    /// Time of the event.
    pub at: OffsetDateTime,
    /// Time of the first attempt: the time of the event and the `group_wait` of the route.
    pub due_at: OffsetDateTime,
    /// Send it together with others of its channel and event.
    pub grouped: bool,
}
