//! The port of the outbox.

use async_trait::async_trait;
use federation_domain::{
    ChannelDepth, ChannelName, Delivery, DeliveryId, DeliveryQuery, Lease, NewNotification, Outbox,
    RetriedDelivery, Settlement, StoreError,
};
use time::OffsetDateTime;

use super::SqliteStore;
use crate::outbox;

#[async_trait]
impl Outbox for SqliteStore {
    async fn enqueue(&self, notifications: &[NewNotification]) -> Result<usize, StoreError> {
        let notifications = notifications.to_vec();
        self.write(move |c| outbox::enqueue(c, &notifications)).await
    }

    async fn due_channels(&self, now: OffsetDateTime) -> Result<Vec<ChannelName>, StoreError> {
        self.read(move |c| outbox::due_channels(c, now)).await
    }

    async fn lease(&self, lease: &Lease) -> Result<Vec<Delivery>, StoreError> {
        let lease = lease.clone();
        self.write(move |c| outbox::lease(c, &lease)).await
    }

    async fn settle(&self, owner: &str, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let (owner, settlements) = (owner.to_owned(), settlements.to_vec());
        self.write(move |c| outbox::settle(c, &owner, &settlements)).await
    }

    async fn deliveries(&self, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        let query = query.clone();
        self.read(move |c| outbox::select(c, &query)).await
    }

    async fn retry_delivery(
        &self,
        id: DeliveryId,
        now: OffsetDateTime,
    ) -> Result<RetriedDelivery, StoreError> {
        self.write(move |c| outbox::retry(c, id, now)).await
    }

    async fn outbox_depth(&self) -> Result<Vec<ChannelDepth>, StoreError> {
        self.read(outbox::depth).await
    }

    async fn tidy_outbox(
        &self,
        reached: &[ChannelName],
        now: OffsetDateTime,
        drop_before: OffsetDateTime,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let reached = reached.to_vec();
        self.write(move |c| outbox::tidy(c, &reached, now, drop_before, limit)).await
    }
}
