//! Listened time, from the listening periods in the store.

use std::time::Duration;

use time::OffsetDateTime;

use crate::listening::SETTLE;
use crate::liveness::Evidence;

/// Maximum age of the newest proof of listening for statuses to count as known now. Listening periods
/// are stored every 10 s.
pub const HEARD_WITHIN: Duration = Duration::from_secs(25);

/// Time in which some replica listened over a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListenedTime {
    /// Periods in order, neither overlapping nor touching.
    periods: Vec<(OffsetDateTime, OffsetDateTime)>,
}

impl ListenedTime {
    /// Creates the listened time from periods in any order.
    #[must_use]
    pub fn new(periods: impl IntoIterator<Item = (OffsetDateTime, OffsetDateTime)>) -> Self {
        let mut sorted: Vec<_> = periods.into_iter().filter(|(from, until)| from < until).collect();
        sorted.sort_unstable();
        let mut periods: Vec<(OffsetDateTime, OffsetDateTime)> = Vec::with_capacity(sorted.len());
        for (from, until) in sorted {
            match periods.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => periods.push((from, until)),
            }
        }
        Self { periods }
    }

    /// Returns the time of the newest proof of listening.
    #[must_use]
    pub fn until(&self) -> Option<OffsetDateTime> {
        self.periods.last().map(|(_, until)| *until)
    }

    /// Returns `true` if a replica has listened so recently that statuses are known now.
    #[must_use]
    pub fn hears(&self, now: OffsetDateTime) -> bool {
        self.until().is_some_and(|until| now - until <= HEARD_WITHIN)
    }

    /// Returns the evidence that listening gives about a state that began at `since`. Each gap between
    /// two periods counts as a cut.
    #[must_use]
    pub fn evidence_since(&self, since: OffsetDateTime) -> Evidence {
        let first = self.periods.partition_point(|(_, until)| *until <= since);
        let mut evidence = Evidence::without_cuts(Duration::ZERO);
        let mut before = since;
        for &(from, until) in &self.periods[first..] {
            if from <= since {
                evidence.silence += between(since, until);
                evidence.settled = evidence.silence;
            } else {
                let settling = between(from, until).min(SETTLE);
                evidence.cuts += 1;
                evidence.lost += between(before, from) + settling;
                evidence.settled = between(from, until) - settling;
                evidence.silence += evidence.settled;
            }
            before = until;
        }
        evidence
    }
}

fn between(from: OffsetDateTime, until: OffsetDateTime) -> Duration {
    Duration::try_from(until - from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn listened(periods: &[(i64, i64)]) -> ListenedTime {
        ListenedTime::new(periods.iter().map(|&(from, until)| (at(from), at(until))))
    }

    #[test]
    fn only_listened_time_is_evidence() {
        let time = listened(&[(110, 200), (0, 60), (50, 100)]);
        let evidence = time.evidence_since(at(40));
        assert_eq!(evidence.silence, Duration::from_secs(60 + 90 - 5));
        assert_eq!((evidence.cuts, evidence.lost), (1, Duration::from_secs(10 + 5)));
        assert_eq!(evidence.settled, Duration::from_secs(85));
        assert_eq!(time.evidence_since(at(150)), Evidence::without_cuts(Duration::from_secs(50)));
        assert_eq!(time.evidence_since(at(300)), Evidence::without_cuts(Duration::ZERO));
    }

    #[test]
    fn a_state_that_began_in_a_gap_began_before_a_cut() {
        let evidence = listened(&[(0, 100), (110, 200)]).evidence_since(at(105));
        assert_eq!((evidence.cuts, evidence.silence), (1, Duration::from_secs(85)));
        assert_eq!(evidence.lost, Duration::from_secs(5 + 5));
    }

    #[test]
    fn statuses_are_known_only_while_the_newest_proof_is_recent() {
        let time = listened(&[(0, 100)]);
        assert!(time.hears(at(125)) && !time.hears(at(126)));
        assert!(!ListenedTime::default().hears(at(0)));
    }
}
