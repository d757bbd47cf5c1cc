//! In-memory store of metrics with injectable failures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use federation_domain::{
    MetricStore, MetricType, ProjectId, RejectReason, Run, RunQuery, SeriesRun, StoreError, Tier,
    newest_of_each,
};
use parking_lot::Mutex;
use time::{Date, OffsetDateTime};

type Runs = BTreeMap<(Tier, ProjectId, MetricType, OffsetDateTime), Run>;

/// The port of metrics in memory. It passes the same contract suite as the real stores.
#[derive(Default)]
pub struct FakeMetricStore {
    runs: Arc<Mutex<Runs>>,
    away: AtomicBool,
    refuses: AtomicBool,
    /// Type whose runs are rejected.
    rejected: Mutex<Option<String>>,
    /// Type whose runs cannot be read.
    unreadable: Mutex<Option<String>>,
    calls: AtomicUsize,
    rolled_until: Mutex<Option<Date>>,
}

impl FakeMetricStore {
    /// Returns another store on the same runs with its own injected failures.
    #[must_use]
    pub fn sharing(&self) -> Self {
        Self { runs: Arc::clone(&self.runs), ..Self::default() }
    }

    /// Makes every call fail as `Unavailable`, or succeed again.
    pub fn set_available(&self, available: bool) {
        self.away.store(!available, Ordering::SeqCst);
    }

    /// Makes every write fail permanently, or succeed again.
    pub fn set_refusing(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// Makes every write with a run of this metric fail permanently.
    pub fn reject(&self, metric: &str) {
        *self.rejected.lock() = Some(metric.to_owned());
    }

    /// Makes every read of some metrics with this one fail as `Unavailable`.
    pub fn lose(&self, metric: &str) {
        *self.unreadable.lock() = Some(metric.to_owned());
    }

    /// Returns the number of calls that stored runs.
    pub fn writes(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Returns all runs of the finest tier.
    pub fn all(&self) -> Vec<SeriesRun> {
        self.of_tier(Tier::Fine)
    }

    /// Returns all runs of a tier.
    pub fn of_tier(&self, tier: Tier) -> Vec<SeriesRun> {
        let runs = self.runs.lock();
        let of_tier = runs.iter().filter(|((of, ..), _)| *of == tier);
        let series = |((_, project, metric, _), run): (&(Tier, ProjectId, MetricType, _), &Run)| {
            SeriesRun { project: *project, metric: metric.clone(), run: run.clone() }
        };
        of_tier.map(series).collect()
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the fake is away".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl MetricStore for FakeMetricStore {
    async fn store_runs(&self, tier: Tier, runs: &[SeriesRun]) -> Result<(), StoreError> {
        self.check()?;
        let rejected = self.rejected.lock().clone();
        let is_rejected = |one: &SeriesRun| rejected.as_deref() == Some(one.metric.as_str());
        if self.refuses.load(Ordering::SeqCst) || runs.iter().any(is_rejected) {
            let reason = RejectReason::Constraint;
            let source = "rejected by the test".into();
            return Err(StoreError::Rejected { project: None, reason, source });
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut stored = self.runs.lock();
        for SeriesRun { project, metric, run } in runs {
            let key = (tier, *project, metric.clone(), run.window_at);
            let known = stored.entry(key).or_insert_with(|| run.clone());
            if run.samples > known.samples {
                *known = run.clone();
            }
        }
        Ok(())
    }

    async fn newest_runs(&self, projects: &[ProjectId]) -> Result<Vec<SeriesRun>, StoreError> {
        self.check()?;
        let all = Tier::ALL.into_iter().flat_map(|tier| self.of_tier(tier));
        Ok(newest_of_each(all.filter(|run| projects.contains(&run.project)).collect()))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<SeriesRun>, StoreError> {
        self.check()?;
        let asked = query.metrics.iter().flatten();
        let unreadable = self.unreadable.lock().clone();
        if asked.into_iter().any(|metric| unreadable.as_deref() == Some(metric.as_str())) {
            return Err(StoreError::Unavailable("injected failure".into()));
        }
        let is_selected = |one: &SeriesRun| {
            one.project == query.project
                && query.metrics.as_ref().is_none_or(|metrics| metrics.contains(&one.metric))
                && one.run.until_at >= query.from
                && one.run.observed_at < query.to
        };
        Ok(self.of_tier(query.tier).into_iter().filter(is_selected).collect())
    }

    async fn rolled_up_until(&self) -> Result<Option<Date>, StoreError> {
        self.check()?;
        Ok(*self.rolled_until.lock())
    }

    async fn mark_rolled_up(&self, day: Date) -> Result<(), StoreError> {
        self.check()?;
        let mut rolled_until = self.rolled_until.lock();
        *rolled_until = (*rolled_until).max(Some(day));
        Ok(())
    }

    async fn delete_runs(&self, tier: Tier, before: OffsetDateTime) -> Result<(), StoreError> {
        self.check()?;
        let is_kept = |of: Tier, at: OffsetDateTime| of != tier || at.date() >= before.date();
        self.runs.lock().retain(|(of, _, _, window_at), _| is_kept(*of, *window_at));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fresh_store() -> (Arc<dyn MetricStore>, ()) {
        (Arc::new(FakeMetricStore::default()), ())
    }

    crate::metric_store_contract!(fresh_store);
}
