//! A store of metrics with injected outages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use federation_domain::{MetricStore, ProjectId, RunQuery, SeriesRun, StoreError, Tier};
use time::{Date, OffsetDateTime};

/// A store whose calls can be made to fail, before or after they take effect.
pub(super) struct Faulty {
    inner: Arc<dyn MetricStore>,
    away: AtomicBool,
    loses_answer: AtomicBool,
}

impl Faulty {
    pub(super) fn new(inner: Arc<dyn MetricStore>) -> Self {
        Self { inner, away: AtomicBool::default(), loses_answer: AtomicBool::default() }
    }

    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Makes the next write take effect and fail.
    pub(super) fn lose_next_answer(&self) {
        self.loses_answer.store(true, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("away".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl MetricStore for Faulty {
    async fn store_runs(&self, tier: Tier, runs: &[SeriesRun]) -> Result<(), StoreError> {
        self.check()?;
        self.inner.store_runs(tier, runs).await?;
        if self.loses_answer.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the answer is lost".into()));
        }
        Ok(())
    }

    async fn newest_runs(&self, projects: &[ProjectId]) -> Result<Vec<SeriesRun>, StoreError> {
        self.check()?;
        self.inner.newest_runs(projects).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<SeriesRun>, StoreError> {
        self.check()?;
        self.inner.runs(query).await
    }

    async fn rolled_up_until(&self) -> Result<Option<Date>, StoreError> {
        self.check()?;
        self.inner.rolled_up_until().await
    }

    async fn mark_rolled_up(&self, day: Date) -> Result<(), StoreError> {
        self.check()?;
        self.inner.mark_rolled_up(day).await
    }

    async fn delete_runs(&self, tier: Tier, before: OffsetDateTime) -> Result<(), StoreError> {
        self.check()?;
        self.inner.delete_runs(tier, before).await
    }
}
