//! The port of the outbox.

use async_trait::async_trait;
use federation_domain::{
    ChannelDepth, ChannelName, Delivery, DeliveryId, DeliveryQuery, Lease, NewNotification, Outbox,
    RetriedDelivery, Settlement, StoreError,
};
use time::OffsetDateTime;

use super::PgStore;
use crate::outbox;

#[async_trait]
impl Outbox for PgStore {
    async fn enqueue(&self, notifications: &[NewNotification]) -> Result<usize, StoreError> {
        self.transact(async |c| outbox::enqueue(c, notifications).await).await
    }

    async fn due_channels(&self, now: OffsetDateTime) -> Result<Vec<ChannelName>, StoreError> {
        self.query(async |c| outbox::due_channels(c, now).await).await
    }

    async fn lease(&self, lease: &Lease) -> Result<Vec<Delivery>, StoreError> {
        self.transact(async |c| outbox::lease(c, lease).await).await
    }

    async fn settle(&self, owner: &str, settlements: &[Settlement]) -> Result<usize, StoreError> {
        self.transact(async |c| outbox::settle(c, owner, settlements).await).await
    }

    async fn deliveries(&self, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        self.query(async |c| outbox::select(c, query).await).await
    }

    async fn retry_delivery(
        &self,
        id: DeliveryId,
        now: OffsetDateTime,
    ) -> Result<RetriedDelivery, StoreError> {
        self.transact(async |c| outbox::retry(c, id, now).await).await
    }

    async fn outbox_depth(&self) -> Result<Vec<ChannelDepth>, StoreError> {
        self.query(outbox::depth).await
    }

    async fn tidy_outbox(
        &self,
        reached: &[ChannelName],
        now: OffsetDateTime,
        drop_before: OffsetDateTime,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.transact(async |c| outbox::tidy(c, reached, now, drop_before, limit).await).await
    }
}
