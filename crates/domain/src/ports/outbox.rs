//! Port of the outbox.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::notification::{
    ChannelName, Delivery, DeliveryId, DeliveryQuery, Lease, NewNotification, RetriedDelivery,
    Settlement,
};

/// Number of deliveries of a channel that are not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelDepth {
    /// The channel.
    pub channel: ChannelName,
    /// Number of pending deliveries.
    pub pending: u64,
    /// Number of dead deliveries.
    pub dead: u64,
}

/// The durable notifications that wait for delivery, and the log of those that do not wait any more.
///
/// Deliveries are made at least once. Those of one incident to one channel are made in the order of
/// their sequences.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Stores notifications and returns the number of new ones.
    ///
    /// An implementation MUST ignore a notification whose incident, sequence and channel are stored.
    /// Writes of incidents do the same in their own transaction.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was stored.
    async fn enqueue(&self, notifications: &[NewNotification]) -> Result<usize, StoreError>;

    /// Returns the channels with deliveries that [`lease`](Self::lease) may return.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn due_channels(&self, now: OffsetDateTime) -> Result<Vec<ChannelName>, StoreError>;

    /// Leases pending deliveries of a channel that are due and counts an attempt for each.
    ///
    /// An implementation MUST leave out those that another owner has leased until later than now,
    /// and those that follow a pending one of the same incident and channel. It MUST assign messages
    /// by [`join_messages`](crate::join_messages), and MUST let a `grouped` delivery that was never
    /// attempted join although it is not due yet, if another one of its event is. Two owners MUST
    /// NOT lease the same delivery.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn lease(&self, lease: &Lease) -> Result<Vec<Delivery>, StoreError>;

    /// Ends leases with their outcomes and returns the number of deliveries.
    ///
    /// An implementation MUST ignore a message that the owner has not leased any more.
    ///
    /// # Errors
    /// Returns [`StoreError`]. Nothing was stored.
    async fn settle(&self, owner: &str, settlements: &[Settlement]) -> Result<usize, StoreError>;

    /// Reads deliveries, newest first.
    ///
    /// An implementation MUST leave out and log each row that does not parse.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn deliveries(&self, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError>;

    /// Makes the message of a dead delivery pending again, due now, for another
    /// [`DELIVERY_PERIOD`](crate::DELIVERY_PERIOD).
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn retry_delivery(
        &self,
        id: DeliveryId,
        now: OffsetDateTime,
    ) -> Result<RetriedDelivery, StoreError>;

    /// Counts the deliveries that are not delivered, by channel.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn outbox_depth(&self) -> Result<Vec<ChannelDepth>, StoreError>;

    /// Gives up expired deliveries of channels that are gone or away, which no lane serves. Drops at
    /// most `limit` deliveries that finished before `drop_before`. Returns the number of changed rows.
    ///
    /// # Errors
    /// Returns [`StoreError`].
    async fn tidy_outbox(
        &self,
        reached: &[ChannelName],
        now: OffsetDateTime,
        drop_before: OffsetDateTime,
        limit: usize,
    ) -> Result<usize, StoreError>;
}
