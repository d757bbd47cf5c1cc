//! The cuts of a source, which can be counted from any reading.

use std::collections::VecDeque;
use std::time::Duration;

use super::Reading;

/// Maximum number of cuts stored individually.
const MAX_CUTS: usize = 512;

/// The newest cuts, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cuts {
    newest: VecDeque<Cut>,
    /// Deaf time of all cuts.
    deaf: Duration,
    /// Settle time after all cuts.
    settling: Duration,
    /// Set once a cut has been discarded.
    is_truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    /// The last reading before the cut.
    at: Reading,
    /// Deaf time of earlier cuts.
    deaf_before: Duration,
    /// Settle time after earlier cuts.
    settling_before: Duration,
}

/// The cuts since a reading, and the time lost to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CutsSince {
    pub(super) count: u32,
    deaf: Duration,
    settling: Duration,
}

impl CutsSince {
    /// Returns the deaf time of these cuts and the settle time after them.
    pub(super) fn lost(self) -> Duration {
        self.deaf + self.settling
    }

    /// Returns the part of the reading difference that is not silence: the settle time, and the one
    /// microsecond that each cut takes.
    pub(super) fn left_out(self) -> Duration {
        self.settling + Duration::from_micros(self.count.into())
    }

    fn scaled(self, share: f64) -> Self {
        let scale = |time: Duration| {
            Duration::try_from_secs_f64(time.as_secs_f64() * share).unwrap_or(Duration::MAX / 4)
        };
        Self { deaf: scale(self.deaf), settling: scale(self.settling), ..self }
    }
}

impl Cuts {
    /// Adds a cut after the reading `at`.
    pub(super) fn push(&mut self, at: Reading, deaf: Duration) {
        if self.newest.len() == MAX_CUTS {
            self.newest.pop_front();
            self.is_truncated = true;
        }
        let (deaf_before, settling_before) = (self.deaf, self.settling);
        self.newest.push_back(Cut { at, deaf_before, settling_before });
        self.deaf += deaf;
    }

    /// Adds settle time after the newest cut.
    pub(super) fn settle(&mut self, time: Duration) {
        self.settling += time;
    }

    /// Returns the cuts between the readings `heard` and `now`.
    ///
    /// For a reading before the oldest stored cut, earlier cuts are assumed to be as frequent and
    /// as long as the stored ones.
    pub(super) fn since(&self, heard: Reading, now: Reading) -> CutsSince {
        let first = self.newest.partition_point(|cut| cut.at < heard);
        let count = u32::try_from(self.newest.len() - first).unwrap_or(u32::MAX);
        let Some(cut) = self.newest.get(first) else {
            return CutsSince { count, deaf: Duration::ZERO, settling: Duration::ZERO };
        };
        let deaf = self.deaf - cut.deaf_before;
        let since = CutsSince { count, deaf, settling: self.settling - cut.settling_before };
        let remembered = now.since(cut.at);
        if first > 0 || !self.is_truncated || remembered.is_zero() {
            return since;
        }
        since.scaled(now.since(heard).as_secs_f64() / remembered.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cut every 10 s, each of which costs 1 s.
    fn regular(count: i64) -> Cuts {
        let mut cuts = Cuts::default();
        for number in 0..count {
            cuts.push(Reading(number * 10_000_000), Duration::from_secs(1));
            cuts.settle(Duration::from_secs(2));
        }
        cuts
    }

    #[test]
    fn cuts_are_counted_from_the_reading_on() {
        let cuts = regular(10);
        let now = Reading(100_000_000);
        let since = |seconds: i64| {
            let since = cuts.since(Reading(seconds * 1_000_000), now);
            (since.count, since.lost().as_secs(), since.settling.as_secs())
        };
        assert_eq!([since(-1), since(70), since(91)], [(10, 30, 20), (3, 9, 6), (0, 0, 0)]);
    }

    #[test]
    fn forgotten_cuts_count_as_much_as_the_remembered_ones() {
        let cuts = regular(10_000);
        assert_eq!(cuts.newest.len(), MAX_CUTS);
        let since = cuts.since(Reading(0), Reading(100_000_000_000));
        assert_eq!(since.count, 512);
        assert_eq!((since.lost().as_secs(), since.settling.as_secs()), (30_000, 20_000));
    }
}
