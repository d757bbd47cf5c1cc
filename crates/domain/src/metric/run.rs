use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use super::{MetricType, MetricValue, Resolution, SampleValue};
use crate::heartbeat::Source;
use crate::project::ProjectId;

/// Maximum gap between two samples of a run.
pub const MAX_RUN_GAP: Duration = Duration::minutes(5);

/// Consecutive samples of a series that are kept together: those of one window, or of several
/// windows of a UTC day in which the value repeats without a gap of more than [`MAX_RUN_GAP`].
///
/// A run is identified by its series and by the window in which it begins. The store keeps the one
/// with more samples, so a run of several windows MUST have all samples of its first one. Otherwise
/// it would replace a better run of that window because it is longer.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Start of the window in which it begins.
    pub window_at: OffsetDateTime,
    /// Time of the earliest sample.
    pub observed_at: OffsetDateTime,
    /// Time of the latest sample.
    pub until_at: OffsetDateTime,
    /// Number of samples.
    pub samples: u64,
    /// Value of the latest sample.
    pub last: MetricValue,
    /// Aggregates of a series of numbers.
    pub numbers: Option<Numbers>,
    /// All samples have the same value. Always true if the run has several windows.
    pub is_constant: bool,
    /// Transport of the latest sample.
    pub source: Source,
}

/// Aggregates of the numbers of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// Sum of all values.
    pub sum: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

impl Run {
    /// Begins a run with a sample.
    #[must_use]
    pub fn begin(
        resolution: Resolution,
        value: &SampleValue<'_>,
        at: OffsetDateTime,
        source: Source,
    ) -> Self {
        let numbers = value.as_number().map(|n| Numbers { sum: n, min: n, max: n });
        Self {
            window_at: resolution.window_of(at),
            observed_at: at,
            until_at: at,
            samples: 1,
            last: value.to_value(),
            numbers,
            is_constant: true,
            source,
        }
    }

    /// Adds a sample if it belongs to this run, and returns `true` if it does.
    pub fn add(
        &mut self,
        resolution: Resolution,
        value: &SampleValue<'_>,
        at: OffsetDateTime,
        source: Source,
    ) -> bool {
        let window = resolution.window_of(at);
        let is_repeated = self.is_constant && self.last == *value;
        let has_one_window = resolution.window_of(self.until_at) == self.window_at;
        let continues = is_repeated
            && window > self.window_at
            && window.date() == self.window_at.date()
            && at - self.until_at <= MAX_RUN_GAP;
        let is_within = window == self.window_at && (is_repeated || has_one_window);
        if !continues && !is_within {
            return false;
        }
        self.count(value, is_repeated, at);
        self.observed_at = self.observed_at.min(at);
        if at >= self.until_at {
            self.until_at = at;
            self.source = source;
            if !is_repeated {
                self.last = value.to_value();
            }
        }
        true
    }

    fn count(&mut self, value: &SampleValue<'_>, is_repeated: bool, at: OffsetDateTime) {
        self.samples += 1;
        self.is_constant &= is_repeated;
        match (&mut self.numbers, value.as_number()) {
            (Some(numbers), Some(number)) => {
                // A sum that is not finite could not be shown.
                numbers.sum = (numbers.sum + number).clamp(f64::MIN, f64::MAX);
                numbers.min = numbers.min.min(number);
                numbers.max = numbers.max.max(number);
            }
            (None, None) => {}
            // A window in which a series changes between number and text keeps the newer kind.
            (numbers, number) if at >= self.until_at => {
                *numbers = number.map(|n| Numbers { sum: n * self.samples as f64, min: n, max: n });
            }
            _ => {}
        }
    }
}

/// A run of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRun {
    /// Project of the series.
    pub project: ProjectId,
    /// Type of the series.
    pub metric: MetricType,
    /// The run.
    pub run: Run,
}

/// Returns one run for each series and window, the one with the most samples, in a fixed order.
#[must_use]
pub fn distinct_runs(runs: &[SeriesRun]) -> Vec<&SeriesRun> {
    let mut distinct: BTreeMap<(ProjectId, &str, OffsetDateTime), &SeriesRun> = BTreeMap::new();
    for run in runs {
        let key = (run.project, run.metric.as_str(), run.run.window_at);
        let known = distinct.entry(key).or_insert(run);
        if run.run.samples > known.run.samples {
            *known = run;
        }
    }
    distinct.into_values().collect()
}

/// Returns the newest run of each series.
#[must_use]
pub fn newest_of_each(runs: Vec<SeriesRun>) -> Vec<SeriesRun> {
    let mut newest: BTreeMap<(ProjectId, MetricType), SeriesRun> = BTreeMap::new();
    for run in runs {
        match newest.get_mut(&(run.project, run.metric.clone())) {
            Some(known) if known.run.until_at >= run.run.until_at => {}
            Some(known) => *known = run,
            None => drop(newest.insert((run.project, run.metric.clone()), run)),
        }
    }
    newest.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const START: OffsetDateTime = datetime!(2026-11-28 12:00:10 UTC);

    fn number(n: f64) -> SampleValue<'static> {
        SampleValue::number("v", n).unwrap()
    }

    fn at(seconds: i64) -> OffsetDateTime {
        START + Duration::seconds(seconds)
    }

    fn begun(value: f64) -> Run {
        Run::begin(Resolution::default(), &number(value), START, Source::Nats)
    }

    fn add(run: &mut Run, value: f64, seconds: i64) -> bool {
        run.add(Resolution::default(), &number(value), at(seconds), Source::Http)
    }

    #[test]
    fn samples_of_a_window_are_aggregated() {
        let mut run = begun(4.0);
        assert!(add(&mut run, 8.0, 20) && add(&mut run, 3.0, 10));
        assert_eq!(run.window_at, datetime!(2026-11-28 12:00 UTC));
        assert_eq!((run.samples, run.is_constant, run.until_at), (3, false, at(20)));
        assert_eq!(run.numbers, Some(Numbers { sum: 15.0, min: 3.0, max: 8.0 }));
        assert_eq!(run.last, number(8.0), "an earlier sample that arrives late is not the last");
        assert!(!add(&mut run, 8.0, 60), "several values stay within their window");
    }

    #[test]
    fn a_value_that_repeats_extends_its_run() {
        let mut run = begun(4.0);
        assert!((1..=20).all(|minute| add(&mut run, 4.0, minute * 60)));
        assert_eq!((run.samples, run.is_constant, run.until_at), (21, true, at(1_200)));
        assert!(!add(&mut run, 5.0, 1_201), "another value begins another run");
        assert!(!add(&mut run, 5.0, 5), "also in the first window of a longer run");
        assert!(!add(&mut run, 4.0, 1_200 + 301), "a gap ends a run");
        assert!(add(&mut run, 4.0, 1_200 + 300));
    }

    #[test]
    fn a_run_ends_with_the_utc_day() {
        let late = datetime!(2026-11-28 23:59:30 UTC);
        let mut run = Run::begin(Resolution::default(), &number(1.0), late, Source::Nats);
        let next_day = late + Duration::seconds(31);
        assert!(!run.add(Resolution::default(), &number(1.0), next_day, Source::Nats));
    }

    #[test]
    fn the_newer_kind_of_value_stays_in_a_window_with_both() {
        let mut run = begun(4.0);
        let text = SampleValue::text("v", "four").unwrap();
        assert!(run.add(Resolution::default(), &text, at(1), Source::Nats));
        assert_eq!((run.samples, run.last.as_text(), run.numbers), (2, Some("four"), None));
        assert!(add(&mut run, 2.0, 2));
        assert_eq!(run.numbers, Some(Numbers { sum: 6.0, min: 2.0, max: 2.0 }));
    }

    #[test]
    fn the_run_with_more_samples_is_kept() {
        let metric = MetricType::parse("a").unwrap();
        let of = |run: &Run| SeriesRun {
            project: ProjectId(1),
            metric: metric.clone(),
            run: run.clone(),
        };
        let (one, mut two) = (begun(1.0), begun(1.0));
        assert!(add(&mut two, 2.0, 1));
        let runs = [of(&one), of(&two), of(&one)];
        assert_eq!(distinct_runs(&runs), [&runs[1]]);
    }
}
