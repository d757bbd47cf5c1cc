//! Damping of projects whose status changes too often.
//!
//! A project may change its status with every heartbeat. Its changes are visible at once, but the
//! log would consist of nothing else. So each project has an allowance of log entries. Without
//! allowance, changes are merged into the next entry, which has the net change.

use std::time::Duration;

use crate::listening::Monotonic;

/// Number of status entries that a project may write at once.
pub const STATUS_ENTRIES: u32 = 6;

/// Time after which a project may write another status entry.
pub const STATUS_ENTRY_INTERVAL: Duration = Duration::from_secs(10);

/// Allowance of a project to write status entries: a token bucket with room for
/// [`STATUS_ENTRIES`], which gains one every [`STATUS_ENTRY_INTERVAL`].
///
/// At most six entries are written at once, and at most one every ten seconds in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryAllowance {
    /// Time in ms at which the bucket is full again.
    full_at: u64,
}

impl EntryAllowance {
    /// Takes the allowance for an entry. Returns `false` if there is none.
    #[must_use]
    pub fn take(&mut self, now: Monotonic) -> bool {
        let is_left = !self.is_used_up(now);
        if is_left {
            self.charge(now);
        }
        is_left
    }

    /// Takes the allowance for an entry that was written in any case, for example by another
    /// replica.
    pub fn charge(&mut self, now: Monotonic) {
        let now = millis(now.0);
        let longest = now + interval() * u64::from(STATUS_ENTRIES);
        self.full_at = (self.full_at.max(now) + interval()).min(longest);
    }

    /// Returns `true` if the project is flapping: it has no allowance for another entry now.
    #[must_use]
    pub fn is_used_up(&self, now: Monotonic) -> bool {
        self.next_at() > now
    }

    /// Returns the earliest time at which the project may write another entry.
    #[must_use]
    pub fn next_at(&self) -> Monotonic {
        let spare = interval() * u64::from(STATUS_ENTRIES - 1);
        Monotonic(Duration::from_millis(self.full_at.saturating_sub(spare)))
    }
}

fn interval() -> u64 {
    millis(STATUS_ENTRY_INTERVAL)
}

fn millis(duration: Duration) -> u64 {
    // Rounded up, so that no entry comes early.
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    /// Returns the times in ms at which entries are written if they are attempted at these times.
    fn written(attempts: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut allowance = EntryAllowance::default();
        attempts.into_iter().filter(|&now| allowance.take(at(now))).collect()
    }

    #[test]
    fn a_project_writes_six_entries_at_once_and_then_one_each_ten_seconds() {
        let entries = written((5_000..65_000).step_by(50));
        assert_eq!(entries[..6], [5_000, 5_050, 5_100, 5_150, 5_200, 5_250]);
        assert_eq!(entries[6..], [15_000, 25_000, 35_000, 45_000, 55_000]);
    }

    #[test]
    fn entries_ten_seconds_apart_never_use_up_the_allowance() {
        assert_eq!(written((0..3_600_000).step_by(10_000)).len(), 360);
    }

    #[test]
    fn a_minute_without_entries_restores_the_allowance() {
        let flaps = (0..1_000).chain(60_999..62_000);
        assert_eq!(written(flaps).len(), 12);
    }

    #[test]
    fn entries_of_other_replicas_delay_the_next_one_by_ten_seconds_at_most() {
        let mut allowance = EntryAllowance::default();
        (0..100).for_each(|_| allowance.charge(at(7)));
        assert!(allowance.is_used_up(at(10_006)));
        assert_eq!(allowance.next_at(), at(10_007));
        assert!(allowance.take(at(10_007)));
    }

    proptest! {
        #[test]
        fn any_period_has_at_most_six_entries_and_one_for_each_ten_seconds(
            mut attempts in prop::collection::vec(0_u64..300_000, 0..400),
        ) {
            attempts.sort_unstable();
            let entries = written(attempts);
            for (first, from) in entries.iter().enumerate() {
                for (last, to) in entries.iter().enumerate().skip(first) {
                    prop_assert!((last - first) as u64 <= 5 + (to - from) / 10_000);
                }
            }
        }

        #[test]
        fn an_entry_is_written_at_the_time_that_is_told(
            mut attempts in prop::collection::vec(0_u64..100_000, 1..200),
        ) {
            attempts.sort_unstable();
            let mut allowance = EntryAllowance::default();
            for now in attempts {
                let (told, taken) = (allowance.next_at(), allowance.take(at(now)));
                prop_assert_eq!(taken, told <= at(now));
                prop_assert!(allowance.next_at().since(at(now)) <= STATUS_ENTRY_INTERVAL);
            }
        }
    }
}
