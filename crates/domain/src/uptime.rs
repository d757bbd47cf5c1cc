//! Uptime of a project within listening periods.
//!
//! Uptime is rolled up by UTC days, so that its cost does not grow with the number of changes. A day
//! in which the status of a project changed is an [`UptimeDay`]. Any other day follows from the days
//! around it and from the time for which the source listened ([`HeardDay`]). [`uptime`] joins the days
//! with the changes since, the tail of the log.

mod days;
mod strip;

use time::OffsetDateTime;

use crate::log::StatusStep;
use crate::ports::ListeningPeriod;
use crate::project::ProjectStatus;

pub use self::days::{
    DayStep, HeardDay, RolledUp, UptimeDay, day_of, first_moment_of, heard_day, roll_up_day, uptime,
};
pub use self::strip::{PartStatus, UptimeParts};

/// Time that a project spent in each status, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeByStatus {
    /// Time in which the project was online.
    pub online_us: i64,
    /// Time in which the project was degraded.
    pub degraded_us: i64,
    /// Time in which the project was offline.
    pub offline_us: i64,
    /// Time in which no replica listened, so that the status is not known.
    pub unobserved_us: i64,
}

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

impl TimeByStatus {
    /// Returns the shares of the whole. All are zero if no time was spent.
    #[must_use]
    pub fn shares(&self) -> Shares {
        let Self { online_us, degraded_us, offline_us, unobserved_us } = *self;
        let whole = online_us + degraded_us + offline_us + unobserved_us;
        if whole <= 0 {
            return Shares::default();
        }
        let share = |part: i64| part as f64 / whole as f64;
        Shares {
            online: share(online_us),
            degraded: share(degraded_us),
            offline: share(offline_us),
            unobserved: share(unobserved_us),
        }
    }

    /// Counts a span in which the project had one status and was observed for some of the time.
    fn count(&mut self, status: ProjectStatus, whole_us: i64, observed_us: i64) {
        *match status {
            ProjectStatus::Online => &mut self.online_us,
            ProjectStatus::Degraded => &mut self.degraded_us,
            ProjectStatus::Offline => &mut self.offline_us,
        } += observed_us;
        self.unobserved_us += (whole_us - observed_us).max(0);
    }

    fn subtract(&mut self, other: Self) {
        self.online_us -= other.online_us;
        self.degraded_us -= other.degraded_us;
        self.offline_us -= other.offline_us;
        self.unobserved_us -= other.unobserved_us;
    }

    fn add(&mut self, other: Self) {
        self.online_us += other.online_us;
        self.degraded_us += other.degraded_us;
        self.offline_us += other.offline_us;
        self.unobserved_us += other.unobserved_us;
    }
}

/// Returns how a project spent the time from `from` to `until`, and its status at `from`.
///
/// `status` is its status at `until`, or `None` if it did not exist then. `steps` are all its changes
/// from `from` on, with their times, newest first; earlier ones are ignored. `periods` are the
/// listening periods of its source, which do not overlap. Time outside of them is unobserved. Time in
/// which the project did not exist is not counted.
#[must_use]
pub fn spent(
    (from, until): (OffsetDateTime, OffsetDateTime),
    status: Option<ProjectStatus>,
    steps: &[(OffsetDateTime, StatusStep)],
    periods: &[ListeningPeriod],
) -> (TimeByStatus, Option<ProjectStatus>) {
    let mut spent = TimeByStatus::default();
    let (mut later, mut status) = (until.max(from), status);
    let mut count = |status: Option<ProjectStatus>, earlier, later| {
        if let Some(status) = status {
            spent.count(status, micros(later, earlier), heard_us(earlier, later, periods));
        }
    };
    let is_change =
        |(at, step): &&(OffsetDateTime, StatusStep)| *at >= from && step.from != step.to;
    for (at, step) in steps.iter().filter(is_change) {
        let earlier = (*at).clamp(from, later);
        count(status, earlier, later);
        (later, status) = (earlier, step.from);
    }
    count(status, from, later);
    (spent, status)
}

fn micros(later: OffsetDateTime, earlier: OffsetDateTime) -> i64 {
    i64::try_from((later - earlier).whole_microseconds()).unwrap_or(i64::MAX)
}

/// Returns the time between two times that lies within periods.
fn heard_us(from: OffsetDateTime, until: OffsetDateTime, periods: &[ListeningPeriod]) -> i64 {
    let overlaps =
        periods.iter().map(|period| micros(period.until.min(until), period.from.max(from)));
    overlaps.map(|overlap| overlap.max(0)).sum()
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
        from: impl Into<Option<ProjectStatus>>,
        to: impl Into<Option<ProjectStatus>>,
    ) -> (OffsetDateTime, StatusStep) {
        (at(seconds), StatusStep { from: from.into(), to: to.into() })
    }

    /// Returns the seconds from 0 to 100 online, degraded, offline and unobserved.
    fn seconds(
        status: ProjectStatus,
        steps: &[(OffsetDateTime, StatusStep)],
        periods: &[ListeningPeriod],
    ) -> [i64; 4] {
        let (spent, _) = spent((at(0), at(100)), Some(status), steps, periods);
        let TimeByStatus { online_us, degraded_us, offline_us, unobserved_us } = spent;
        [online_us, degraded_us, offline_us, unobserved_us].map(|us| us / 1_000_000)
    }

    #[test]
    fn each_status_lasts_until_the_next_change() {
        let changes = [change(70, Degraded, Offline), change(40, Online, Degraded)];
        assert_eq!(seconds(Offline, &changes, &[period(-10, 200)]), [40, 30, 30, 0]);
    }

    #[test]
    fn unobserved_time_counts_for_no_status() {
        let changes = [change(50, Online, Offline)];
        let periods = [period(0, 30), period(60, 90)];
        assert_eq!(seconds(Offline, &changes, &periods), [30, 0, 30, 40]);
    }

    #[test]
    fn an_update_does_not_change_the_status() {
        assert_eq!(
            seconds(Online, &[change(50, Online, Online)], &[period(0, 100)]),
            [100, 0, 0, 0]
        );
    }

    #[test]
    fn time_in_which_the_project_did_not_exist_is_not_counted() {
        let changes =
            [change(70, None, Offline), change(40, Online, None), change(10, None, Online)];
        assert_eq!(seconds(Offline, &changes, &[period(0, 100)]), [30, 0, 30, 0]);
    }

    #[test]
    fn an_empty_span_has_no_shares() {
        let (none, status) = spent((at(5), at(5)), Some(Online), &[], &[]);
        assert_eq!((none.shares(), status), (Shares::default(), Some(Online)));
        let (spent, _) = spent((at(0), at(4)), Some(Online), &[], &[period(0, 3)]);
        let Shares { online, unobserved, .. } = spent.shares();
        assert_eq!((online, unobserved), (0.75, 0.25));
    }

    proptest! {
        #[test]
        fn the_spans_add_up(
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
            prop_assert_eq!(seconds(status, &changes, &periods).iter().sum::<i64>(), 100);
        }
    }
}
