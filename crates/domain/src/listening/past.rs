//! Listening before this process started, as recorded in the store.

use std::time::Duration;

use time::OffsetDateTime;

use super::cuts::Cuts;
use super::{Reading, SETTLE};

/// The listening periods of one source before this process started.
///
/// A gap between two periods counts as a cut. So does the time from the last period to the start of
/// this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PastListening {
    /// Oldest first.
    periods: Vec<Period>,
    deaf_until_start: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Period {
    from: OffsetDateTime,
    until: OffsetDateTime,
    /// Deaf time between the previous period and this one.
    deaf_before: Duration,
    /// The reading right after the cut with which the period begins.
    starts_at: Reading,
    ends_at: Reading,
}

impl PastListening {
    /// Creates the record from periods, as pairs of begin and end, and the time of the start.
    /// Overlapping periods count once. Time after the start is ignored, because it was recorded by
    /// a clock that was ahead.
    #[must_use]
    pub fn new(
        periods: impl IntoIterator<Item = (OffsetDateTime, OffsetDateTime)>,
        start: OffsetDateTime,
    ) -> Self {
        let mut spans: Vec<_> = periods
            .into_iter()
            .map(|(from, until)| (from, until.min(start)))
            .filter(|(from, until)| from < until)
            .collect();
        spans.sort_unstable();
        let mut past = Self::default();
        for (from, until) in spans {
            match past.periods.last_mut() {
                Some(last) if from <= last.until => last.until = last.until.max(until),
                last => {
                    let deaf_before = last.map_or(Duration::ZERO, |last| between(last.until, from));
                    past.periods.push(Period {
                        from,
                        until,
                        deaf_before,
                        starts_at: Reading::default(),
                        ends_at: Reading::default(),
                    });
                }
            }
        }
        past.deaf_until_start =
            past.periods.last().map_or(Duration::ZERO, |last| between(last.until, start));
        past.number();
        past
    }

    /// Assigns readings backwards, starting with 0 at the end of the newest period.
    fn number(&mut self) {
        let mut reading = Reading::default();
        for period in self.periods.iter_mut().rev() {
            period.ends_at = reading;
            period.starts_at = reading.before(between(period.from, period.until));
            reading = Reading(period.starts_at.0.saturating_sub(1));
        }
    }

    /// Returns the reading at this moment. Time before the first period does not count as listened.
    #[must_use]
    pub fn reading_at(&self, at: OffsetDateTime) -> Reading {
        let next = self.periods.partition_point(|period| period.from <= at);
        let Some(period) = next.checked_sub(1).and_then(|index| self.periods.get(index)) else {
            let first = self.periods.first();
            return first
                .map_or(Reading::default(), |first| Reading(first.starts_at.0.saturating_sub(1)));
        };
        period.starts_at.after(between(period.from, at)).min(period.ends_at)
    }

    pub(super) fn deaf_until_start(&self) -> Duration {
        self.deaf_until_start
    }

    pub(super) fn cuts(&self) -> Cuts {
        let mut cuts = Cuts::default();
        for period in &self.periods {
            cuts.push(Reading(period.starts_at.0.saturating_sub(1)), period.deaf_before);
            cuts.settle(between(period.from, period.until).min(SETTLE));
        }
        cuts
    }
}

fn between(from: OffsetDateTime, until: OffsetDateTime) -> Duration {
    Duration::try_from(until - from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listening::ListeningClock;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn past(periods: &[(i64, i64)], start: i64) -> PastListening {
        PastListening::new(periods.iter().map(|&(from, until)| (at(from), at(until))), at(start))
    }

    #[test]
    fn silence_goes_on_across_restarts_without_deaf_and_settle_time() {
        let past = past(&[(0, 100), (110, 200)], 205);
        let clock = ListeningClock::resume(&past);
        let evidence = clock.evidence_since(past.reading_at(at(50)));
        assert_eq!(evidence.silence, Duration::from_secs(50 + 90 - 5));
        assert_eq!(evidence.cuts, 2);
        assert_eq!(evidence.lost, Duration::from_secs(10 + 5 + 5));
        assert_eq!(evidence.settled, Duration::ZERO);
    }

    #[test]
    fn a_heartbeat_in_a_gap_was_heard_before_the_cut() {
        let past = past(&[(0, 100), (110, 200)], 205);
        let clock = ListeningClock::resume(&past);
        assert_eq!(past.reading_at(at(105)), past.reading_at(at(100)));
        assert_eq!(clock.evidence_since(past.reading_at(at(105))).cuts, 2);
        assert_eq!(clock.evidence_since(past.reading_at(at(112))).cuts, 1);
        let last = clock.evidence_since(past.reading_at(at(203)));
        assert_eq!((last.silence, last.cuts), (Duration::ZERO, 1));
    }

    #[test]
    fn time_before_the_first_period_is_not_silence() {
        let past = past(&[(100, 200)], 200);
        let clock = ListeningClock::resume(&past);
        let silence = |seconds| clock.evidence_since(past.reading_at(at(seconds))).silence;
        assert_eq!([silence(0), silence(100)], [95, 100].map(Duration::from_secs));
        let never = PastListening::default();
        let clock = ListeningClock::resume(&never);
        assert_eq!(clock.evidence_since(never.reading_at(at(0))).silence.as_secs(), 0);
    }

    #[test]
    fn overlapping_periods_and_a_clock_that_was_ahead_are_put_right() {
        let messy = past(&[(50, 120), (0, 100), (300, 200), (150, 900)], 200);
        assert_eq!(messy, past(&[(0, 120), (150, 200)], 200));
    }
}
