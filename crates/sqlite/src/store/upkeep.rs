//! The port of the uptime and of the retention of the log.

use async_trait::async_trait;
use federation_domain::{
    DayStep, Dropped, Revision, RollUpProgress, RollUpStep, Slug, Source, StoreError, UptimeDay,
    UptimeDays, UptimeStore,
};
use time::{Date, OffsetDateTime};

use super::SqliteStore;
use crate::{retention, uptime};

#[async_trait]
impl UptimeStore for SqliteStore {
    async fn roll_up_progress(&self) -> Result<RollUpProgress, StoreError> {
        self.read(uptime::progress).await
    }

    async fn store_roll_up(
        &self,
        known: &RollUpProgress,
        step: &RollUpStep,
    ) -> Result<bool, StoreError> {
        let (known, step) = (*known, step.clone());
        self.write(move |c| uptime::store(c, &known, &step)).await
    }

    async fn find_days(&self, keys: &[(Slug, Date)]) -> Result<Vec<(Slug, UptimeDay)>, StoreError> {
        let keys = keys.to_vec();
        self.read(move |c| uptime::find(c, &keys)).await
    }

    async fn uptime_days(
        &self,
        slug: &Slug,
        source: Source,
        since: Date,
    ) -> Result<UptimeDays, StoreError> {
        let slug = slug.clone();
        self.read(move |c| uptime::days(c, &slug, source, since)).await
    }

    async fn steps(
        &self,
        slug: &Slug,
        after: Revision,
        through: Revision,
        limit: usize,
    ) -> Result<Vec<DayStep>, StoreError> {
        let slug = slug.clone();
        self.read(move |c| uptime::steps(c, &slug, (after, through), limit)).await
    }

    async fn drop_entries(
        &self,
        before: OffsetDateTime,
        through: Revision,
        limit: usize,
    ) -> Result<Dropped, StoreError> {
        self.write(move |c| retention::drop_entries(c, before, through, limit)).await
    }

    async fn drop_uptime(&self, before: Date, limit: usize) -> Result<usize, StoreError> {
        self.write(move |c| retention::drop_uptime(c, before, limit)).await
    }
}
