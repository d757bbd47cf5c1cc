//! Rolling up days, and deleting expired runs.

use std::collections::BTreeMap;

use federation_domain::{
    MAX_SAMPLE_AGE, MetricType, ProjectId, Resolution, Run, RunQuery, SeriesRun, StoreError, Tier,
    error_chain, roll_up_runs,
};
use time::{Date, Duration, OffsetDateTime, Time};

use super::Series;

/// Time for which the finest tier is kept.
const FINE_RETENTION: Duration = Duration::hours(48);
/// Time for which the coarsest tier is kept.
const HOUR_RETENTION: Duration = Duration::days(400);
/// Maximum number of days that are rolled up after a long pause of the service.
const MAX_DAYS: i64 = 400;

impl Series {
    /// Rolls up complete days and deletes expired runs. Logs an error; the next call repeats the work.
    pub async fn roll_up_and_delete(&self) {
        let inner = &*self.0;
        let exists = |project| inner.registry.get_by_id(project).is_some();
        inner.table.retain(exists);
        if let Err(error) = self.roll_up_days().await {
            tracing::warn!(error = error_chain(&error), "metrics are not rolled up yet");
            return;
        }
        if let Err(error) = self.delete_expired().await {
            tracing::warn!(error = error_chain(&error), "expired metrics are not deleted yet");
        }
    }

    /// Rolls up each day that no more samples are accepted for.
    async fn roll_up_days(&self) -> Result<(), StoreError> {
        let inner = &*self.0;
        // The runs of the last samples need a moment to reach the store.
        let settled = inner.clock.utc() - MAX_SAMPLE_AGE - Duration::hours(1);
        let Some(last) = settled.date().previous_day() else { return Ok(()) };
        let rolled = inner.store.rolled_up_until().await?;
        let first = rolled.and_then(Date::next_day).unwrap_or(last);
        let earliest = last.saturating_sub(Duration::days(MAX_DAYS));
        let mut day = first.max(earliest);
        while day <= last {
            self.roll_up_day(day).await?;
            inner.store.mark_rolled_up(day).await?;
            tracing::debug!(%day, "metrics are rolled up");
            let Some(next) = day.next_day() else { break };
            day = next;
        }
        Ok(())
    }

    async fn roll_up_day(&self, day: Date) -> Result<(), StoreError> {
        let mut projects: Vec<ProjectId> = Vec::new();
        self.0.registry.for_each(|entry| projects.push(entry.id));
        for project in projects {
            self.roll_up_project(project, day).await?;
        }
        Ok(())
    }

    /// Rolls up a day of a project. Repeating it changes nothing.
    async fn roll_up_project(&self, project: ProjectId, day: Date) -> Result<(), StoreError> {
        let inner = &*self.0;
        let from = OffsetDateTime::new_utc(day, Time::MIDNIGHT);
        let to = from + Duration::DAY;
        let query = RunQuery { tier: Tier::Fine, project, metrics: None, from, to };
        let mut by_type: BTreeMap<MetricType, Vec<Run>> = BTreeMap::new();
        for run in inner.store.runs(&query).await? {
            by_type.entry(run.metric).or_default().push(run.run);
        }
        if by_type.is_empty() {
            return Ok(());
        }
        let finest = inner.settings.resolution;
        let (mut five_minutes, mut hours) = (Vec::new(), Vec::new());
        for (metric, runs) in by_type {
            let rolled = roll_up_runs(runs, finest, Resolution::FIVE_MINUTES);
            let rolled_again =
                roll_up_runs(rolled.clone(), Resolution::FIVE_MINUTES, Resolution::HOUR);
            let of = |run| SeriesRun { project, metric: metric.clone(), run };
            five_minutes.extend(rolled.into_iter().map(of));
            hours.extend(rolled_again.into_iter().map(of));
        }
        inner.store.store_runs(Tier::FiveMinutes, &five_minutes).await?;
        inner.store.store_runs(Tier::Hour, &hours).await
    }

    /// Deletes expired runs. Fine ones are kept until their day is rolled up.
    async fn delete_expired(&self) -> Result<(), StoreError> {
        let inner = &*self.0;
        let now = inner.clock.utc();
        if let Some(rolled) = inner.store.rolled_up_until().await? {
            let end = rolled.next_day().unwrap_or(rolled);
            let end = OffsetDateTime::new_utc(end, Time::MIDNIGHT);
            inner.store.delete_runs(Tier::Fine, end.min(now - FINE_RETENTION)).await?;
        }
        inner.store.delete_runs(Tier::FiveMinutes, now - inner.settings.retention).await?;
        inner.store.delete_runs(Tier::Hour, now - HOUR_RETENTION).await
    }
}
