//! Points of series over time, from the store and from memory.

use std::collections::BTreeMap;

use federation_domain::{
    Aggregation, InvalidValue, MetricType, PointRange, PointValue, ProjectId, Run, RunQuery,
    StoreError, Tier, points,
};
use time::{Date, Duration, OffsetDateTime, Time};

use super::Series;

/// Points of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoints {
    /// Type of the series.
    pub metric: MetricType,
    /// A point for each time of the range; `None` where there is no sample.
    pub points: Vec<Option<PointValue>>,
}

/// Error of a query for points.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// No such project exists.
    #[error("unknown project")]
    UnknownProject,
    /// The store does not answer. Memory alone would show gaps where there are none.
    #[error("the metrics were not read")]
    Store(#[source] StoreError),
}

/// Runs of a series by their first window.
type Runs = BTreeMap<OffsetDateTime, Run>;

impl Series {
    /// Returns the points of some series of a project, in the given order.
    ///
    /// # Errors
    /// See [`SeriesError`].
    pub async fn points(
        &self,
        slug: &str,
        metrics: &[MetricType],
        range: &PointRange,
        aggregation: Aggregation,
    ) -> Result<Vec<SeriesPoints>, SeriesError> {
        let inner = &*self.0;
        let project = inner.registry.get(slug).ok_or(SeriesError::UnknownProject)?.id;
        // Memory first: a run that is stored meanwhile is then in both and not in none.
        let mut fine = self.unstored(project, metrics);
        let coarse_tier = tier_of(range);
        let coarse_until = match coarse_tier {
            Some(_) => self.rolled_up_end().await?.clamp(range.from(), range.to()),
            None => range.from(),
        };
        let query = RunQuery {
            tier: Tier::Fine,
            project,
            metrics: Some(metrics.to_vec()),
            from: coarse_until,
            to: range.to(),
        };
        let mut coarse: BTreeMap<MetricType, Runs> = BTreeMap::new();
        if let Some(tier) = coarse_tier.filter(|_| coarse_until > range.from()) {
            let query = RunQuery { tier, from: range.from(), to: coarse_until, ..query.clone() };
            self.read(&query, &mut coarse).await?;
        }
        if coarse_until < range.to() {
            self.read(&query, &mut fine).await?;
        }
        if coarse_until > range.from() {
            // A run ends with its day, and days are rolled up whole.
            let is_fine = |window_at: &OffsetDateTime, _: &mut Run| *window_at >= coarse_until;
            fine.values_mut().for_each(|runs| runs.retain(is_fine));
        }
        let finest = inner.settings.resolution;
        let coarse_width = coarse_tier.map_or(finest, |tier| tier.resolution(finest));
        let of = |metric: &MetricType| {
            let runs = |part: &BTreeMap<MetricType, Runs>| -> Vec<Run> {
                part.get(metric).map(|runs| runs.values().cloned().collect()).unwrap_or_default()
            };
            let parts = vec![(runs(&coarse), coarse_width), (runs(&fine), finest)];
            SeriesPoints { metric: metric.clone(), points: points(parts, range, aggregation) }
        };
        Ok(metrics.iter().map(of).collect())
    }

    /// Returns the end of the days that are rolled up.
    async fn rolled_up_end(&self) -> Result<OffsetDateTime, SeriesError> {
        let rolled = self.0.store.rolled_up_until().await.map_err(SeriesError::Store)?;
        let end = rolled.and_then(Date::next_day);
        let end = end.map(|day| OffsetDateTime::new_utc(day, Time::MIDNIGHT));
        Ok(end.unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }

    async fn read(
        &self,
        query: &RunQuery,
        into: &mut BTreeMap<MetricType, Runs>,
    ) -> Result<(), SeriesError> {
        for stored in self.0.store.runs(query).await.map_err(SeriesError::Store)? {
            keep_longer(into.entry(stored.metric).or_default(), stored.run);
        }
        Ok(())
    }

    /// Checks that a range does not need finer windows than those that are kept for its age.
    ///
    /// # Errors
    /// Fails if the step is shorter than five minutes for a range that begins more than two days ago,
    /// or shorter than an hour for one that begins before the retention.
    pub fn check_step(&self, range: &PointRange) -> Result<(), InvalidValue> {
        let inner = &*self.0;
        let now = inner.clock.utc();
        let age = now - range.from();
        let needed = if age > inner.settings.retention + Duration::days(1) {
            (3_600, "1h", "for a range that begins before METRICS_RETENTION")
        } else if age > Duration::days(2) {
            (300, "5m", "for a range that begins more than two days ago")
        } else {
            return Ok(());
        };
        let (seconds, step, why) = needed;
        if range.step().as_secs().is_multiple_of(seconds) {
            return Ok(());
        }
        let given = format!("{} s", range.step().as_secs());
        Err(InvalidValue::new("step", &given, format!("a multiple of {step} {why}")))
    }

    /// Returns the runs that are in memory, which the store may not have yet.
    fn unstored(&self, project: ProjectId, metrics: &[MetricType]) -> BTreeMap<MetricType, Runs> {
        let inner = &*self.0;
        let mut runs: BTreeMap<MetricType, Runs> = BTreeMap::new();
        let mut add = |metric: MetricType, run: Run| {
            if metrics.contains(&metric) {
                keep_longer(runs.entry(metric).or_default(), run);
            }
        };
        // In the direction in which runs move.
        inner.table.newest(project).into_iter().for_each(|(metric, run)| add(metric, run));
        inner.waiting.visit(project, &mut add);
        for run in inner.in_flight.lock().iter().filter(|run| run.project == project) {
            add(run.metric.clone(), run.run.clone());
        }
        runs
    }
}

/// Returns the coarsest tier whose windows fit the step of a range. `None` if only the finest one does.
fn tier_of(range: &PointRange) -> Option<Tier> {
    let step = range.step().as_secs();
    if step.is_multiple_of(3_600) {
        Some(Tier::Hour)
    } else if step.is_multiple_of(300) {
        Some(Tier::FiveMinutes)
    } else {
        None
    }
}

fn keep_longer(runs: &mut Runs, run: Run) {
    let known = runs.entry(run.window_at).or_insert_with(|| run.clone());
    if run.samples > known.samples {
        *known = run;
    }
}
