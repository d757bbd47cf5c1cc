//! Tiers in which runs are kept, and rolling up from one to the next.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use super::range::merged;
use super::{MAX_RUN_GAP, MetricValue, Numbers, Resolution, Run};
use crate::heartbeat::Source;

/// Tier in which runs are kept, from fine to coarse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Windows of the resolution of the service, for two days.
    Fine,
    /// Windows of five minutes, for the retention of the service.
    FiveMinutes,
    /// Windows of an hour, for 400 days.
    Hour,
}

impl Tier {
    /// All tiers.
    pub const ALL: [Self; 3] = [Self::Fine, Self::FiveMinutes, Self::Hour];

    /// Returns the width of the windows, given that of the finest tier.
    #[must_use]
    pub fn resolution(self, finest: Resolution) -> Resolution {
        match self {
            Self::Fine => finest,
            Self::FiveMinutes => Resolution::FIVE_MINUTES,
            Self::Hour => Resolution::HOUR,
        }
    }
}

/// Samples of a coarse window.
struct Window {
    observed_at: OffsetDateTime,
    until_at: OffsetDateTime,
    samples: u64,
    last: MetricValue,
    numbers: Option<Numbers>,
    is_constant: bool,
    source: Source,
}

/// Rolls the runs of a series up to wider windows. The samples of a run that has several windows count
/// as evenly spread over them, and the runs of replicas that overlap count once, as in a query.
#[must_use]
pub fn roll_up_runs(runs: Vec<Run>, from: Resolution, to: Resolution) -> Vec<Run> {
    let mut runs = merged(runs);
    runs.sort_by_key(|run| run.until_at);
    let mut windows: BTreeMap<OffsetDateTime, Window> = BTreeMap::new();
    for run in &runs {
        for (window_at, part) in parts(run, from, to) {
            match windows.entry(window_at) {
                std::collections::btree_map::Entry::Vacant(place) => drop(place.insert(part)),
                std::collections::btree_map::Entry::Occupied(mut known) => {
                    known.get_mut().add(part)
                }
            }
        }
    }
    let mut rolled: Vec<Run> = Vec::new();
    for (window_at, window) in windows {
        let is_joined = rolled.last_mut().is_some_and(|known| joined(known, window_at, &window));
        if !is_joined {
            rolled.push(Run {
                window_at,
                observed_at: window.observed_at,
                until_at: window.until_at,
                samples: window.samples,
                last: window.last,
                numbers: window.numbers,
                is_constant: window.is_constant,
                source: window.source,
            });
        }
    }
    rolled
}

/// Returns the part of a run in each coarse window.
fn parts(run: &Run, from: Resolution, to: Resolution) -> Vec<(OffsetDateTime, Window)> {
    let last_window = from.window_of(run.until_at).max(run.window_at);
    let fine = from.width().as_secs().max(1);
    let count = |begin: OffsetDateTime, end: OffsetDateTime| {
        u64::try_from((end - begin).whole_seconds()).unwrap_or_default() / fine
    };
    let total = count(run.window_at, last_window) + 1;
    let mut parts = Vec::new();
    let (mut window_at, mut done) = (to.window_of(run.window_at), 0);
    while window_at <= last_window {
        let end = window_at + to.width();
        let windows_until = count(run.window_at, end.min(last_window + from.width())).min(total);
        let until = samples_until(run.samples, windows_until, total);
        let samples = until.saturating_sub(done);
        done = until;
        if samples > 0 {
            let share = samples as f64 / run.samples as f64;
            let numbers =
                run.numbers.map(|numbers| Numbers { sum: numbers.sum * share, ..numbers });
            let part = Window {
                observed_at: run.observed_at.max(window_at),
                until_at: run.until_at.min(end - Duration::MICROSECOND),
                samples,
                last: run.last.clone(),
                numbers,
                is_constant: run.is_constant,
                source: run.source,
            };
            parts.push((window_at, part));
        }
        window_at = end;
    }
    parts
}

/// Returns the number of samples in the first windows of a run. The first and the last window have at
/// least one, and none is lost by rounding.
fn samples_until(samples: u64, windows: u64, total: u64) -> u64 {
    if windows >= total {
        return samples;
    }
    let between = u128::from(samples.saturating_sub(1)) * u128::from(windows.saturating_sub(1));
    1 + u64::try_from(between / u128::from(total - 1)).unwrap_or(samples)
}

impl Window {
    /// Adds a part that ends later.
    fn add(&mut self, part: Self) {
        self.is_constant &= part.is_constant && self.last == part.last;
        self.observed_at = self.observed_at.min(part.observed_at);
        self.samples += part.samples;
        self.numbers = match (self.numbers, part.numbers) {
            (Some(one), Some(other)) => Some(Numbers {
                sum: (one.sum + other.sum).clamp(f64::MIN, f64::MAX),
                min: one.min.min(other.min),
                max: one.max.max(other.max),
            }),
            // A window in which a series changes between number and text keeps the newer kind.
            (None, Some(newer)) => {
                let mean = newer.sum / part.samples as f64;
                Some(Numbers { sum: mean * self.samples as f64, ..newer })
            }
            (_, None) => None,
        };
        if part.until_at >= self.until_at {
            self.until_at = part.until_at;
            self.last = part.last;
            self.source = part.source;
        }
    }
}

/// Adds a window to a run if its value repeats, and returns `true` if it does.
fn joined(run: &mut Run, window_at: OffsetDateTime, window: &Window) -> bool {
    let repeats = run.is_constant
        && window.is_constant
        && run.last == window.last
        && run.window_at.date() == window_at.date()
        && window.observed_at - run.until_at <= MAX_RUN_GAP;
    if repeats {
        run.until_at = window.until_at;
        run.samples += window.samples;
        run.source = window.source;
        if let (Some(numbers), Some(more)) = (&mut run.numbers, window.numbers) {
            numbers.sum = (numbers.sum + more.sum).clamp(f64::MIN, f64::MAX);
        }
    }
    repeats
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;
    use crate::metric::{Aggregation, PointRange, PointValue, SampleValue, points};

    const DAY: OffsetDateTime = datetime!(2026-11-28 00:00 UTC);

    /// Returns fine runs of samples, one at each of these seconds of the day.
    fn runs(samples: &[(i64, f64)]) -> Vec<Run> {
        let resolution = Resolution::default();
        let mut runs: Vec<Run> = Vec::new();
        for (seconds, value) in samples {
            let at = DAY + Duration::seconds(*seconds);
            let value = SampleValue::number("v", *value).unwrap();
            let is_added =
                runs.last_mut().is_some_and(|run| run.add(resolution, &value, at, Source::Nats));
            if !is_added {
                runs.push(Run::begin(resolution, &value, at, Source::Nats));
            }
        }
        runs
    }

    fn numbers(runs: Vec<Run>, resolution: Resolution, agg: Aggregation) -> Vec<Option<f64>> {
        let step = Some(std::time::Duration::from_secs(3_600));
        let range = PointRange::new(DAY, DAY + Duration::DAY, step, resolution).unwrap();
        let number = |point: PointValue| match point {
            PointValue::Number(number) => number,
            PointValue::Value(value) => value.as_number().unwrap(),
        };
        let points = points(vec![(runs, resolution)], &range, agg);
        points.into_iter().map(|point| point.map(number)).collect()
    }

    #[test]
    fn a_constant_day_is_one_run_in_each_tier() {
        let fine = runs(&(0..1_440).map(|minute| (minute * 60, 7.0)).collect::<Vec<_>>());
        assert_eq!(fine.len(), 1);
        let five = roll_up_runs(fine, Resolution::default(), Resolution::FIVE_MINUTES);
        let hour = roll_up_runs(five.clone(), Resolution::FIVE_MINUTES, Resolution::HOUR);
        for tier in [&five, &hour] {
            assert_eq!((tier.len(), tier[0].samples, tier[0].window_at), (1, 1_440, DAY));
        }
    }

    #[test]
    fn a_series_that_changes_every_minute_has_a_run_for_each_window() {
        let fine = runs(&(0..60).map(|n| (n * 60, n as f64)).collect::<Vec<_>>());
        let five = roll_up_runs(fine, Resolution::default(), Resolution::FIVE_MINUTES);
        assert_eq!(five.len(), 12);
        assert_eq!(five[1].numbers, Some(Numbers { sum: 35.0, min: 5.0, max: 9.0 }));
        assert_eq!(five[1].last.as_number(), Some(9.0));
        let hour = roll_up_runs(five, Resolution::FIVE_MINUTES, Resolution::HOUR);
        assert_eq!((hour.len(), hour[0].samples), (1, 60));
        assert_eq!(hour[0].numbers, Some(Numbers { sum: 1_770.0, min: 0.0, max: 59.0 }));
    }

    #[test]
    fn a_gap_ends_a_run_in_each_tier() {
        let fine = runs(&[(0, 1.0), (60, 1.0), (3_600, 1.0)]);
        let five = roll_up_runs(fine, Resolution::default(), Resolution::FIVE_MINUTES);
        assert_eq!(five.len(), 2);
    }

    #[test]
    fn the_same_run_of_two_replicas_is_rolled_up_once() {
        let of = |from: i64| runs(&(from..60).map(|at| (at * 60, 4.0)).collect::<Vec<_>>());
        let both = [of(0), of(20)].concat();
        assert_eq!(both.len(), 2);
        let rolled = roll_up_runs(both, Resolution::default(), Resolution::HOUR);
        assert_eq!(rolled.iter().map(|run| run.samples).collect::<Vec<_>>(), [60]);
    }

    proptest! {
        #[test]
        fn hours_are_the_same_from_every_tier(
            steps in proptest::collection::vec((1_i64..400, 0_u8..3), 1..400),
        ) {
            let mut seconds = 0;
            let samples: Vec<(i64, f64)> = steps
                .into_iter()
                .map(|(step, value)| {
                    seconds += step;
                    (seconds, f64::from(value))
                })
                .take_while(|(seconds, _)| *seconds < 86_400)
                .collect();
            let fine = runs(&samples);
            let five = roll_up_runs(fine.clone(), Resolution::default(), Resolution::FIVE_MINUTES);
            let hour = roll_up_runs(five.clone(), Resolution::FIVE_MINUTES, Resolution::HOUR);
            let total = |runs: &[Run]| runs.iter().map(|run| run.samples).sum::<u64>();
            prop_assert_eq!(total(&fine), samples.len() as u64);
            prop_assert_eq!(total(&five), total(&fine));
            prop_assert_eq!(total(&hour), total(&fine));
            for agg in [Aggregation::Min, Aggregation::Max, Aggregation::Last] {
                let expected = numbers(fine.clone(), Resolution::default(), agg);
                let coarse = numbers(five.clone(), Resolution::FIVE_MINUTES, agg);
                prop_assert_eq!(&coarse, &expected, "{:?}", agg);
                let coarse = numbers(hour.clone(), Resolution::HOUR, agg);
                prop_assert_eq!(&coarse, &expected, "{:?}", agg);
            }
        }
    }
}
