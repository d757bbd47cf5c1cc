//! Messages: deliveries that are sent together.

use std::collections::BTreeMap;
use std::fmt;

use super::{ChannelName, Delivery, NotificationEvent};

/// Maximum number of deliveries in a message.
pub const MAX_MESSAGE_DELIVERIES: usize = 500;

/// Number of a message: the id of its first delivery. It is the same at every attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub i64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Deliveries that one channel sends together: of one event, of different incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Number of the message.
    pub id: MessageId,
    /// Channel.
    pub channel: ChannelName,
    /// Event.
    pub event: NotificationEvent,
    /// The deliveries, at least one, in the order of their ids.
    pub deliveries: Vec<Delivery>,
}

impl Message {
    /// Returns an identifier that is the same at every attempt, and that no other message has, even
    /// after the database was replaced.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let first = self.deliveries.first();
        let at = first.map_or(0, |one| one.notification.at.unix_timestamp_nanos() / 1_000);
        format!("msg_{}_{at}", self.id)
    }
}

/// Assigns deliveries of one channel to messages and returns at most `limit` messages.
///
/// `due` are eligible deliveries in the order (`due_at`, `id`). A delivery that was attempted before
/// stays in its message. A `grouped` one joins the others with the same event. `is_cut` tells that
/// more deliveries are eligible than are given. The last message may then lack some of its
/// deliveries, and is left out unless it is new.
#[must_use]
pub fn join_messages(due: Vec<Delivery>, is_cut: bool, limit: usize) -> Vec<Message> {
    let last = due.last().and_then(|last| last.message).filter(|_| is_cut);
    let mut order: Vec<MessageId> = Vec::new();
    let mut open: BTreeMap<NotificationEvent, MessageId> = BTreeMap::new();
    let mut messages: BTreeMap<MessageId, Message> = BTreeMap::new();
    for delivery in due {
        let own = MessageId(delivery.id.0);
        let event = delivery.notification.event;
        let id = match delivery.message {
            Some(message) => message,
            None if delivery.notification.grouped => *open.entry(event).or_insert(own),
            None => own,
        };
        let message = messages.entry(id).or_insert_with(|| {
            order.push(id);
            let channel = delivery.notification.channel.clone();
            Message { id, channel, event, deliveries: Vec::new() }
        });
        message.deliveries.push(Delivery { message: Some(id), ..delivery });
        if message.deliveries.len() >= MAX_MESSAGE_DELIVERIES {
            open.remove(&event);
        }
    }
    if order.len() > 1 {
        order.retain(|id| Some(*id) != last);
    }
    order.truncate(limit);
    order.iter().filter_map(|id| messages.remove(id)).collect()
}

/// Groups leased deliveries by their message.
#[must_use]
pub fn messages_of(leased: Vec<Delivery>) -> Vec<Message> {
    join_messages(leased, false, usize::MAX)
}

#[cfg(test)]
pub(super) mod tests;
