//! The port of the uptime and of the retention of the log.

use async_trait::async_trait;
use federation_domain::{
    DayStep, Dropped, Revision, RollUpProgress, RollUpStep, Slug, Source, StoreError, UptimeDay,
    UptimeDays, UptimeStore,
};
use time::{Date, OffsetDateTime};

use super::{Access, DEADLINE, PgStore, settle};
use crate::{retention, uptime};

#[async_trait]
impl UptimeStore for PgStore {
    async fn roll_up_progress(&self) -> Result<RollUpProgress, StoreError> {
        self.read(self.connection().await?, DEADLINE, async |c| uptime::progress(c).await).await
    }

    async fn store_roll_up(
        &self,
        known: &RollUpProgress,
        step: &RollUpStep,
    ) -> Result<bool, StoreError> {
        settle(self.connection().await?, DEADLINE, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    uptime::store(c, known, step).await
                })
                .await
        })
        .await
    }

    async fn find_days(&self, keys: &[(Slug, Date)]) -> Result<Vec<(Slug, UptimeDay)>, StoreError> {
        self.read(self.connection().await?, DEADLINE, async |c| uptime::find(c, keys).await).await
    }

    async fn uptime_days(
        &self,
        slug: &Slug,
        source: Source,
        since: Date,
    ) -> Result<UptimeDays, StoreError> {
        self.read(self.connection().await?, DEADLINE, async |c| {
            uptime::days(c, slug, source, since).await
        })
        .await
    }

    async fn steps(
        &self,
        slug: &Slug,
        after: Revision,
        through: Revision,
        limit: usize,
    ) -> Result<Vec<DayStep>, StoreError> {
        self.read(self.connection().await?, DEADLINE, async |c| {
            uptime::steps(c, slug, (after, through), limit).await
        })
        .await
    }

    async fn drop_entries(
        &self,
        before: OffsetDateTime,
        through: Revision,
        limit: usize,
    ) -> Result<Dropped, StoreError> {
        settle(self.connection().await?, DEADLINE, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    retention::drop_entries(c, before, through, limit).await
                })
                .await
        })
        .await
    }

    async fn drop_uptime(&self, before: Date, limit: usize) -> Result<usize, StoreError> {
        settle(self.connection().await?, DEADLINE, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    retention::drop_uptime(c, before, limit).await
                })
                .await
        })
        .await
    }
}
