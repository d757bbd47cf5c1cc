//! Deliveries of notifications.

use std::fmt;

use time::{Duration, OffsetDateTime};

use super::{ChannelName, MessageId, NewNotification};
use crate::InvalidValue;

/// Time after which a notification that could not be delivered is dead.
pub const DELIVERY_PERIOD: Duration = Duration::hours(24);

/// Maximum length of a stored error, in characters.
pub const MAX_ERROR_CHARS: usize = 1_000;

/// Number of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub i64);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// Waits for an attempt, or for its result.
    Pending,
    /// The receiver has accepted it.
    Delivered,
    /// It was given up after [`DELIVERY_PERIOD`].
    Dead,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// Returns the name in the API and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// Parses a name returned by [`as_str`](Self::as_str).
    ///
    /// # Errors
    /// Returns an error for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| InvalidValue::new("status", text, "pending, delivered or dead"))
    }
}

/// A stored notification and the state of its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Primary key.
    pub id: DeliveryId,
    /// The notification. Its `due_at` is the time of the next attempt.
    pub notification: NewNotification,
    /// State.
    pub state: DeliveryState,
    /// Message that it is part of, since its first attempt.
    pub message: Option<MessageId>,
    /// Number of attempts, with one that is in progress.
    pub attempts: u32,
    /// Time at which it is given up.
    pub expires_at: OffsetDateTime,
    /// Error of the last attempt.
    pub last_error: Option<String>,
    /// Time at which it was delivered or given up.
    pub finished_at: Option<OffsetDateTime>,
}

/// A request for deliveries that are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Channel of the deliveries.
    pub channel: ChannelName,
    /// Replica that will attempt them: at most 64 characters.
    pub owner: String,
    /// The time now.
    pub now: OffsetDateTime,
    /// Time until which no other replica attempts them.
    pub until: OffsetDateTime,
    /// Maximum number of messages.
    pub messages: usize,
}

/// Result of an attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The message.
    pub message: MessageId,
    /// Its outcome.
    pub outcome: DeliveryOutcome,
    /// Time of the outcome.
    pub at: OffsetDateTime,
}

/// Outcome of an attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver accepted it.
    Delivered,
    /// It failed, and is tried again.
    Failed {
        /// Reason.
        error: String,
        /// Time of the next attempt.
        retry_at: OffsetDateTime,
    },
    /// It failed and is given up.
    Dead {
        /// Reason.
        error: String,
    },
}

/// Selection of deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryQuery {
    /// Only those of this channel.
    pub channel: Option<ChannelName>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those of this incident.
    pub incident: Option<String>,
    /// Only those with a smaller id.
    pub before: Option<DeliveryId>,
    /// Maximum number.
    pub limit: usize,
}

/// Result of a request to deliver a dead message again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetriedDelivery {
    /// The deliveries of the message are pending again.
    Pending(Vec<Delivery>),
    /// No delivery has this id.
    Unknown,
    /// The delivery is not dead.
    NotDead(DeliveryState),
    /// A later notification of the same incident has left to the same channel. Sending the earlier
    /// one now would be wrong.
    Superseded,
}

/// Returns an error text as it is stored: cut to [`MAX_ERROR_CHARS`], without control characters.
#[must_use]
pub fn delivery_error(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(MAX_ERROR_CHARS).map(visible).collect()
}
