//! Points of a series over time.

use std::time::Duration;

use time::OffsetDateTime;

use super::{MetricValue, Resolution, Run};
use crate::InvalidValue;

/// Maximum number of points of a series.
pub const MAX_POINTS: i64 = 11_000;

/// Number of points for which a step is chosen if none is given.
const USUAL_POINTS: i64 = 500;
/// Steps that are chosen, in seconds.
const USUAL_STEPS: [i64; 10] = [1, 10, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400];

/// Equally spaced times, aligned to the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointRange {
    /// Start of the first bucket, in seconds since the epoch.
    first: i64,
    step: i64,
    count: i64,
}

impl PointRange {
    /// Creates the range of the buckets that contain a time from `from` up to `to`, exclusively.
    /// Without a step, chooses one.
    ///
    /// # Errors
    /// Fails if the range is empty, has more than [`MAX_POINTS`] points, or if the step is not a
    /// multiple of the resolution.
    pub fn new(
        from: OffsetDateTime,
        to: OffsetDateTime,
        step: Option<Duration>,
        resolution: Resolution,
    ) -> Result<Self, InvalidValue> {
        if from >= to {
            return Err(InvalidValue::new("to", &to.to_string(), "a time after `from`"));
        }
        let width = i64::try_from(resolution.width().as_secs()).unwrap_or(1);
        let of = |step: i64| {
            let first = from.unix_timestamp().div_euclid(step) * step;
            let end = to.unix_timestamp() + i64::from(to.nanosecond() > 0);
            Self { first, step, count: (end - first + step - 1) / step }
        };
        let fits_within = |points: i64| {
            let steps = USUAL_STEPS.into_iter().filter(|step| step % width == 0);
            steps.map(of).find(|range| range.count <= points)
        };
        let Some(step) = step else {
            return fits_within(USUAL_POINTS).or_else(|| fits_within(MAX_POINTS)).ok_or_else(
                || InvalidValue::new("from", &from.to_string(), "a range of at most 30 years"),
            );
        };
        let given = format!("{} s", step.as_secs_f64());
        let seconds = i64::try_from(step.as_secs()).unwrap_or_default();
        if seconds <= 0 || step.subsec_nanos() > 0 || seconds % width != 0 {
            let allowed = format!("a multiple of the resolution of {width} s");
            return Err(InvalidValue::new("step", &given, allowed));
        }
        let range = of(seconds);
        if range.count > MAX_POINTS {
            let fitting = fits_within(MAX_POINTS).map_or(86_400, |range| range.step);
            let allowed = format!(
                "at most {MAX_POINTS} points, which a step of {fitting}s gives for this range"
            );
            return Err(InvalidValue::new("step", &given, allowed));
        }
        Ok(range)
    }

    /// Returns the start of the first bucket.
    #[must_use]
    pub fn from(&self) -> OffsetDateTime {
        at(self.first)
    }

    /// Returns the end of the last bucket.
    #[must_use]
    pub fn to(&self) -> OffsetDateTime {
        at(self.first + self.count * self.step)
    }

    /// Returns the width of a bucket.
    #[must_use]
    pub fn step(&self) -> Duration {
        Duration::from_secs(self.step.unsigned_abs())
    }

    /// Returns the starts of the buckets.
    pub fn times(&self) -> impl ExactSizeIterator<Item = OffsetDateTime> + use<> {
        let Self { first, step, count } = *self;
        (0..usize::try_from(count).unwrap_or_default()).map(move |n| at(first + n as i64 * step))
    }

    /// Returns the index of the bucket of a time in seconds, which may be out of range.
    fn bucket(&self, seconds: i64) -> i64 {
        (seconds - self.first).div_euclid(self.step)
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Function that reduces the samples of a bucket to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregation {
    /// Mean of all samples.
    #[default]
    Avg,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Latest value. The only one, besides the count, that a text has.
    Last,
    /// Sum of all samples.
    Sum,
    /// Number of samples.
    Count,
}

impl Aggregation {
    /// All functions.
    pub const ALL: [Self; 6] =
        [Self::Avg, Self::Min, Self::Max, Self::Last, Self::Sum, Self::Count];

    /// Returns the name in requests and responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Last => "last",
            Self::Sum => "sum",
            Self::Count => "count",
        }
    }

    /// Parses a name.
    ///
    /// # Errors
    /// Fails for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| InvalidValue::new("agg", text, "avg, min, max, last, sum or count"))
    }
}

/// Value of a point.
#[derive(Debug, Clone, PartialEq)]
pub enum PointValue {
    /// A number.
    Number(f64),
    /// The latest value.
    Value(MetricValue),
}

/// Samples of a bucket.
#[derive(Clone, Default)]
struct Bucket<'a> {
    samples: f64,
    /// Samples that are numbers.
    numbers: f64,
    sum: f64,
    min: f64,
    max: f64,
    last: Option<(OffsetDateTime, &'a MetricValue)>,
}

impl<'a> Bucket<'a> {
    /// Adds a part of a run.
    fn add(&mut self, run: &'a Run, share: f64) {
        let samples = run.samples as f64 * share;
        self.samples += samples;
        if let Some(numbers) = &run.numbers {
            let is_first = self.numbers == 0.0;
            self.min = if is_first { numbers.min } else { self.min.min(numbers.min) };
            self.max = if is_first { numbers.max } else { self.max.max(numbers.max) };
            self.numbers += samples;
            self.sum = (self.sum + numbers.sum * share).clamp(f64::MIN, f64::MAX);
        }
        if self.last.is_none_or(|(at, _)| run.until_at >= at) {
            self.last = Some((run.until_at, &run.last));
        }
    }

    fn reduce(&self, aggregation: Aggregation) -> Option<PointValue> {
        let (_, last) = self.last?;
        let number = match aggregation {
            Aggregation::Last => return Some(PointValue::Value(last.clone())),
            Aggregation::Count => return Some(PointValue::Number(self.samples.round().max(1.0))),
            _ if self.numbers == 0.0 => return None,
            Aggregation::Avg => (self.sum / self.numbers).clamp(self.min, self.max),
            Aggregation::Min => self.min,
            Aggregation::Max => self.max,
            Aggregation::Sum => self.sum,
        };
        Some(PointValue::Number(number))
    }
}

/// Returns the points of a series from runs in windows of some widths, one for each bucket of the range:
/// `None` where it has no sample.
///
/// The samples of a run that has several windows count as evenly spread over them.
#[must_use]
pub fn points(
    parts: Vec<(Vec<Run>, Resolution)>,
    range: &PointRange,
    aggregation: Aggregation,
) -> Vec<Option<PointValue>> {
    let merge = |(runs, resolution)| (merged(runs), resolution);
    let parts: Vec<(Vec<Run>, Resolution)> = parts.into_iter().map(merge).collect();
    let mut buckets = vec![Bucket::default(); range.times().len()];
    let runs = parts.iter().flat_map(|(runs, of)| runs.iter().map(move |run| (run, *of)));
    for (run, resolution) in runs {
        let width = i64::try_from(resolution.width().as_secs()).unwrap_or(1);
        let first = run.window_at.unix_timestamp();
        let last = resolution.window_of(run.until_at).unix_timestamp().max(first);
        let windows = (last - first) / width + 1;
        let (from, to) = (range.bucket(first).max(0), range.bucket(last));
        for index in from..=to.min(range.count - 1) {
            let start = range.first + index * range.step;
            let (begin, end) = (start.max(first), (start + range.step).min(last + width));
            let within = (end - begin + width - 1) / width;
            let share = within as f64 / windows as f64;
            if let Some(bucket) = usize::try_from(index).ok().and_then(|at| buckets.get_mut(at)) {
                bucket.add(run, share);
            }
        }
    }
    buckets.iter().map(|bucket| bucket.reduce(aggregation)).collect()
}

/// Joins a run of the same value that overlaps. Samples of the time that both cover count once.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn join(known: &mut Run, run: &Run) {
    let length = (run.until_at - run.observed_at).as_seconds_f64();
    let beyond = (run.until_at - known.until_at).as_seconds_f64();
    let share = if length > 0.0 { (beyond / length).clamp(0.0, 1.0) } else { 0.0 };
    let more = (run.samples as f64 * share).round() as u64;
    let samples = (known.samples + more).max(run.samples);
    if let Some(numbers) = &mut known.numbers {
        numbers.sum = (numbers.min * samples as f64).clamp(f64::MIN, f64::MAX);
    }
    known.samples = samples;
    known.until_at = known.until_at.max(run.until_at);
}

/// Merges runs of one value that overlap: replicas may have begun the same run in different windows.
pub(super) fn merged(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_by_key(|run| (run.observed_at, run.window_at));
    let mut merged: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        match merged.last_mut() {
            Some(known)
                if known.is_constant
                    && run.is_constant
                    && known.last == run.last
                    && run.observed_at <= known.until_at =>
            {
                join(known, &run);
            }
            _ => merged.push(run),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::heartbeat::Source;
    use crate::metric::SampleValue;

    const DAY: OffsetDateTime = datetime!(2026-11-28 00:00 UTC);

    fn minute(n: i64) -> OffsetDateTime {
        DAY + time::Duration::minutes(n)
    }

    fn number(value: f64) -> SampleValue<'static> {
        SampleValue::number("v", value).unwrap()
    }

    /// Returns runs of samples at these minutes.
    fn runs(samples: &[(i64, f64)]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (at, value) in samples {
            let (at, value) = (minute(*at), number(*value));
            let resolution = Resolution::default();
            let is_added =
                runs.last_mut().is_some_and(|run| run.add(resolution, &value, at, Source::Nats));
            if !is_added {
                runs.push(Run::begin(resolution, &value, at, Source::Nats));
            }
        }
        runs
    }

    fn range(from: i64, to: i64, step_minutes: u64) -> PointRange {
        let step = Some(Duration::from_secs(step_minutes * 60));
        PointRange::new(minute(from), minute(to), step, Resolution::default()).unwrap()
    }

    fn numbers(runs: &[Run], range: &PointRange, aggregation: Aggregation) -> Vec<Option<f64>> {
        let points = points(vec![(runs.to_vec(), Resolution::default())], range, aggregation);
        let number = |point: PointValue| match point {
            PointValue::Number(number) => number,
            PointValue::Value(value) => value.as_number().unwrap(),
        };
        points.into_iter().map(|point| point.map(number)).collect()
    }

    #[test]
    fn a_gap_is_no_point() {
        let runs = runs(&[(0, 1.0), (1, 3.0), (10, 5.0)]);
        let points = numbers(&runs, &range(0, 15, 5), Aggregation::Avg);
        assert_eq!(points, [Some(2.0), None, Some(5.0)]);
        let before = numbers(&runs, &range(-10, 0, 5), Aggregation::Avg);
        assert_eq!(before, [None, None]);
    }

    #[test]
    fn a_run_counts_in_each_bucket_that_it_crosses() {
        let constant: Vec<_> = (3..=12).map(|at| (at, 4.0)).collect();
        let runs = runs(&constant);
        assert_eq!(runs.len(), 1);
        let of = |aggregation| numbers(&runs, &range(0, 15, 5), aggregation);
        assert_eq!(of(Aggregation::Count), [Some(2.0), Some(5.0), Some(3.0)]);
        assert_eq!(of(Aggregation::Sum), [Some(8.0), Some(20.0), Some(12.0)]);
        for same in [Aggregation::Avg, Aggregation::Min, Aggregation::Max, Aggregation::Last] {
            assert_eq!(of(same), [Some(4.0); 3]);
        }
    }

    #[test]
    fn each_aggregation_has_its_value() {
        let runs = runs(&[(0, 4.0), (1, 8.0), (2, 3.0)]);
        let of = |aggregation| numbers(&runs, &range(0, 5, 5), aggregation)[0].unwrap();
        let values = Aggregation::ALL.map(of);
        assert_eq!(values, [5.0, 3.0, 8.0, 3.0, 15.0, 3.0]);
    }

    #[test]
    fn a_text_has_a_last_value_and_a_count() {
        let text = SampleValue::text("v", "1.4.0").unwrap();
        let run = Run::begin(Resolution::default(), &text, minute(0), Source::Nats);
        let of =
            |agg| points(vec![(vec![run.clone()], Resolution::default())], &range(0, 1, 1), agg);
        assert_eq!(of(Aggregation::Last), [Some(PointValue::Value(text.to_value()))]);
        assert_eq!(of(Aggregation::Count), [Some(PointValue::Number(1.0))]);
        assert_eq!(of(Aggregation::Avg), [None]);
    }

    #[test]
    fn the_same_run_of_two_replicas_counts_once() {
        let of = |from: i64| runs(&(from..10).map(|at| (at, 4.0)).collect::<Vec<_>>());
        let both = [of(0), of(3)].concat();
        assert_eq!(numbers(&both, &range(0, 10, 10), Aggregation::Count), [Some(10.0)]);
    }

    #[test]
    fn a_late_sample_within_a_run_of_another_value_counts() {
        let mut both = runs(&(0..10).map(|at| (at, 4.0)).collect::<Vec<_>>());
        both.extend(runs(&[(5, 9.0)]));
        assert_eq!(numbers(&both, &range(0, 10, 5), Aggregation::Max), [Some(4.0), Some(9.0)]);
    }

    #[test]
    fn a_range_has_at_most_eleven_thousand_points() {
        let make = |days: i64, step: Option<u64>| {
            let to = DAY + time::Duration::days(days);
            PointRange::new(DAY, to, step.map(Duration::from_secs), Resolution::default())
        };
        assert_eq!(make(1, None).unwrap().step, 300);
        assert_eq!(make(30, None).unwrap().step, 10_800);
        assert!(make(7, Some(60)).is_ok());
        let error = make(8, Some(60)).unwrap_err().to_string();
        assert!(error.contains("which a step of 300s gives"), "{error}");
        for bad in [0, 7, 61, 90] {
            assert_eq!(make(1, Some(bad)).unwrap_err().field, "step", "{bad}");
        }
        assert_eq!(make(0, Some(60)).unwrap_err().field, "to");
        assert!(make(3_000, None).is_ok());
        assert_eq!(make(20_000, None).unwrap_err().field, "from");
    }

    #[test]
    fn points_are_aligned_to_the_step() {
        let range = PointRange::new(
            minute(7),
            minute(16) + time::Duration::seconds(1),
            Some(Duration::from_secs(300)),
            Resolution::default(),
        )
        .unwrap();
        assert_eq!(range.times().collect::<Vec<_>>(), [5, 10, 15].map(minute));
        assert_eq!((range.from(), range.to()), (minute(5), minute(20)));
    }
}
