//! Uptime of a project within listening periods.

use time::OffsetDateTime;

use crate::log::StatusStep;
use crate::ports::ListeningPeriod;
use crate::project::ProjectStatus;

/// Shares of a span of time, each from 0 to 1. They add up to 1, except for rounding.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shares {
    /// Share in which the project was online.
    pub online: f64,
    /// Share in which the project was degraded.
    pub degraded: f64,
    /// Share in which the project was offline.
    pub offline: f64,
    /// Share in which no replica listened, so that the status is not known.
    pub unobserved: f64,
}

impl Shares {
    fn of(&mut self, status: ProjectStatus) -> &mut f64 {
        match status {
            ProjectStatus::Online => &mut self.online,
            ProjectStatus::Degraded => &mut self.degraded,
            ProjectStatus::Offline => &mut self.offline,
        }
    }
}

/// Returns how a project spent the time from `from` to `until`.
///
/// `steps` are all its changes from `from` on, with their times, newest first. `status` is its status at `until`.
/// `periods` are the listening periods of its source; time outside of them is unobserved. All shares
/// are zero for an empty span.
#[must_use]
pub fn shares(
    (from, until): (OffsetDateTime, OffsetDateTime),
    status: ProjectStatus,
    steps: &[(OffsetDateTime, StatusStep)],
    periods: &[ListeningPeriod],
) -> Shares {
    let mut shares = Shares::default();
    let whole = (until - from).as_seconds_f64();
    if whole <= 0.0 {
        return shares;
    }
    let mut observed = 0.0;
    let (mut later, mut status) = (until, status);
    let changed = steps.iter().filter(|(_, step)| step.from != step.to || step.from.is_none());
    for (at, step) in changed {
        let earlier = (*at).clamp(from, later);
        let seconds = heard_within(earlier, later, periods);
        *shares.of(status) += seconds / whole;
        observed += seconds;
        (later, status) = (earlier, step.from.unwrap_or(status));
    }
    let seconds = heard_within(from, later, periods);
    *shares.of(status) += seconds / whole;
    shares.unobserved = (1.0 - (observed + seconds) / whole).max(0.0);
    shares
}

/// Returns the number of seconds between two times that lie within periods, which do not overlap.
fn heard_within(from: OffsetDateTime, until: OffsetDateTime, periods: &[ListeningPeriod]) -> f64 {
    let overlaps = periods.iter().map(|period| period.until.min(until) - period.from.max(from));
    overlaps.map(|overlap| overlap.as_seconds_f64().max(0.0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;
    use ProjectStatus::{Degraded, Offline, Online};
    use proptest::prelude::*;
    use time::Duration;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn period(from: i64, until: i64) -> ListeningPeriod {
        ListeningPeriod { source: Source::Nats, from: at(from), until: at(until) }
    }

    fn change(
        seconds: i64,
        from: ProjectStatus,
        to: ProjectStatus,
    ) -> (OffsetDateTime, StatusStep) {
        (at(seconds), StatusStep { from: Some(from), to: Some(to) })
    }

    #[track_caller]
    fn assert_shares(found: Shares, wanted: [f64; 4]) {
        let found = [found.online, found.degraded, found.offline, found.unobserved];
        let near = found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near, "{found:?} is not {wanted:?}");
    }

    #[test]
    fn each_status_lasts_until_the_next_change() {
        let changes = [change(70, Degraded, Offline), change(40, Online, Degraded)];
        let found = shares((at(0), at(100)), Offline, &changes, &[period(-10, 200)]);
        assert_shares(found, [0.4, 0.3, 0.3, 0.0]);
    }

    #[test]
    fn unobserved_time_counts_for_no_status() {
        let changes = [change(50, Online, Offline)];
        let periods = [period(0, 30), period(60, 90)];
        let found = shares((at(0), at(100)), Offline, &changes, &periods);
        assert_shares(found, [0.3, 0.0, 0.3, 0.4]);
    }

    #[test]
    fn an_update_does_not_change_the_status() {
        let update = change(50, Online, Online);
        let found = shares((at(0), at(100)), Online, &[update], &[period(0, 100)]);
        assert_shares(found, [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn an_empty_span_has_no_shares() {
        assert_eq!(shares((at(5), at(5)), Online, &[], &[]), Shares::default());
    }

    proptest! {
        #[test]
        fn the_shares_add_up(
            times in prop::collection::btree_set(0_i64..100, 0..10),
            gaps in prop::collection::vec((1_i64..20, 1_i64..20), 0..6),
        ) {
            let mut status = Online;
            let mut changes = Vec::new();
            for (index, &seconds) in times.iter().enumerate() {
                let next = ProjectStatus::ALL[index % 3];
                changes.push(change(seconds, status, next));
                status = next;
            }
            changes.reverse();
            let mut from = 0;
            let periods: Vec<_> = gaps.into_iter().map(|(gap, length)| {
                let period = period(from + gap, from + gap + length);
                from += gap + length;
                period
            }).collect();
            let found = shares((at(0), at(100)), status, &changes, &periods);
            let sum = found.online + found.degraded + found.offline + found.unobserved;
            prop_assert!((sum - 1.0).abs() < 1e-9, "{found:?}");
        }
    }
}
