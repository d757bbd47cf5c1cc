//! The store of metrics, with connections of its own.

mod partitions;
mod rollup;
mod runs;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use federation_domain::{
    MetricStore, ProjectId, RunQuery, SeriesRun, StoreError, Tier, distinct_runs,
};
use parking_lot::Mutex;
use time::{Date, OffsetDateTime};

use crate::address::ConnectError;
use crate::store::PgStore;

/// The port of metrics on Postgres. It has a pool of its own, which the catalog does not use.
///
/// Cheap to clone. Clones share the pool.
#[derive(Clone)]
pub struct PgMetricStore {
    store: PgStore,
    /// First days of the partitions that exist.
    known: Arc<Mutex<BTreeSet<(Tier, Date)>>>,
}

impl PgMetricStore {
    /// Creates a store for the same URL as the catalog. It connects on first use.
    ///
    /// # Errors
    /// Returns an error if the URL is not usable.
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        Ok(Self { store: PgStore::connect(url)?, known: Arc::default() })
    }

    /// Creates the partitions that the runs need.
    async fn prepare(&self, tier: Tier, runs: &[&SeriesRun]) -> Result<(), StoreError> {
        let first_day = |run: &&SeriesRun| partitions::first_day(tier, run.run.window_at.date());
        let needed: BTreeSet<(Tier, Date)> =
            runs.iter().map(|run| (tier, first_day(run))).collect();
        let missing: Vec<(Tier, Date)> = needed.difference(&self.known.lock()).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.store.transact(async |c| partitions::create(c, &missing).await).await?;
        self.known.lock().extend(missing);
        Ok(())
    }
}

impl fmt::Debug for PgMetricStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgMetricStore").field("store", &self.store).finish_non_exhaustive()
    }
}

#[async_trait]
impl MetricStore for PgMetricStore {
    async fn store_runs(&self, tier: Tier, runs: &[SeriesRun]) -> Result<(), StoreError> {
        let runs = distinct_runs(runs);
        if runs.is_empty() {
            return Ok(());
        }
        self.prepare(tier, &runs).await?;
        let stored = self.store.transact(async |c| runs::store(c, tier, &runs).await).await;
        if matches!(stored, Err(StoreError::Failed(_))) {
            // Another program may have dropped a partition.
            self.known.lock().clear();
        }
        stored
    }

    async fn newest_runs(&self, projects: &[ProjectId]) -> Result<Vec<SeriesRun>, StoreError> {
        self.store.query(async |c| runs::newest(c, projects).await).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<SeriesRun>, StoreError> {
        self.store.query(async |c| runs::between(c, query).await).await
    }

    async fn rolled_up_until(&self) -> Result<Option<Date>, StoreError> {
        self.store.query(async |c| rollup::until(c).await).await
    }

    async fn mark_rolled_up(&self, day: Date) -> Result<(), StoreError> {
        self.store.transact(async |c| rollup::mark(c, day).await).await
    }

    async fn delete_runs(&self, tier: Tier, before: OffsetDateTime) -> Result<(), StoreError> {
        let first_kept = partitions::first_day(tier, before.date());
        self.store.transact(async |c| partitions::drop_before(c, tier, first_kept).await).await?;
        self.known.lock().retain(|(of, day)| *of != tier || *day >= first_kept);
        Ok(())
    }
}

/// Returns the table of a tier.
fn table(tier: Tier) -> &'static str {
    match tier {
        Tier::Fine => "project_metrics",
        Tier::FiveMinutes => "project_metrics_5m",
        Tier::Hour => "project_metrics_1h",
    }
}
