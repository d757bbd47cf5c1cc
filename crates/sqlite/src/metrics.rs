//! The store of metrics, in a file of its own.

mod migrate;
mod rollup;
mod runs;

use std::fmt;
use std::path::Path;

use async_trait::async_trait;
use deadpool::managed::Pool;
use federation_domain::{
    BusyWith, MetricStore, ProjectId, RunQuery, SeriesRun, StoreError, Tier, distinct_runs,
};
use time::{Date, OffsetDateTime};

use crate::connection::{ConnectError, Opener, Role, path_of};
use crate::store::{WAIT_TIMEOUT, pool, run};

/// Number of connections for reading.
const READERS: usize = 2;

/// Ending of the name of the file, after the name of the file of the catalog.
const ENDING: &str = ".metrics";

/// The port of metrics in an SQLite file beside the one of the catalog, so that metrics never wait for
/// the writer of the catalog and never delay it.
///
/// Cheap to clone. Clones share the connections.
#[derive(Clone)]
pub struct SqliteMetricStore {
    writer: Pool<Opener>,
    readers: Pool<Opener>,
}

impl fmt::Debug for SqliteMetricStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteMetricStore").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl SqliteMetricStore {
    /// Creates a store beside the catalog with this URL, in the file of the same name with `.metrics`
    /// appended. It is opened or created on first use.
    ///
    /// # Errors
    /// Returns an error if the URL does not name a file.
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        let path = format!("{}{ENDING}", path_of(url)?);
        Ok(Self {
            writer: pool(&path, Role::Writer, 1, WAIT_TIMEOUT)?,
            readers: pool(&path, Role::Reader, READERS, WAIT_TIMEOUT)?,
        })
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.writer.manager().path)
    }

    /// Applies pending migrations and returns their versions.
    ///
    /// # Errors
    /// See [`SqliteStore::migrate`](crate::SqliteStore::migrate).
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        run(&self.writer, BusyWith::Writes, migrate::migrate).await
    }
}

#[async_trait]
impl MetricStore for SqliteMetricStore {
    async fn store_runs(&self, tier: Tier, series_runs: &[SeriesRun]) -> Result<(), StoreError> {
        let distinct: Vec<SeriesRun> = distinct_runs(series_runs).into_iter().cloned().collect();
        if distinct.is_empty() {
            return Ok(());
        }
        run(&self.writer, BusyWith::Writes, move |c| {
            c.immediate_transaction(|c| runs::store(c, tier, &distinct))
        })
        .await
    }

    async fn newest_runs(&self, projects: &[ProjectId]) -> Result<Vec<SeriesRun>, StoreError> {
        let projects = projects.to_vec();
        run(&self.readers, BusyWith::Reads, move |c| runs::newest(c, &projects)).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<SeriesRun>, StoreError> {
        let query = query.clone();
        run(&self.readers, BusyWith::Reads, move |c| runs::between(c, &query)).await
    }

    async fn rolled_up_until(&self) -> Result<Option<Date>, StoreError> {
        run(&self.readers, BusyWith::Reads, rollup::until).await
    }

    async fn mark_rolled_up(&self, day: Date) -> Result<(), StoreError> {
        run(&self.writer, BusyWith::Writes, move |c| rollup::mark(c, day)).await
    }

    async fn delete_runs(&self, tier: Tier, before: OffsetDateTime) -> Result<(), StoreError> {
        // Each batch is a transaction of its own, so that other writes come in between.
        while run(&self.writer, BusyWith::Writes, move |c| {
            c.immediate_transaction(|c| runs::delete_some(c, tier, before))
        })
        .await?
        {}
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
