//! Roll-up of uptime by UTC days.

use time::{Date, OffsetDateTime, Time, UtcOffset};

use super::{TimeByStatus, heard_us, spent};
use crate::change::Revision;
use crate::heartbeat::Source;
use crate::log::StatusStep;
use crate::ports::ListeningPeriod;
use crate::project::ProjectStatus;

/// A day in which the status of a project changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UptimeDay {
    /// The day, in UTC.
    pub day: Date,
    /// Time spent in each status.
    pub spent: TimeByStatus,
    /// Status at the beginning of the day; `None` if the project did not exist.
    pub opens: Option<ProjectStatus>,
    /// Status at the end of the day; `None` if the project did not exist.
    pub closes: Option<ProjectStatus>,
    /// Revision of the first change of the day.
    pub first: Revision,
    /// Revision of the last change of the day.
    pub last: Revision,
}

/// Time for which a source listened on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeardDay {
    /// The day, in UTC.
    pub day: Date,
    /// The source.
    pub source: Source,
    /// Time for which it listened, in microseconds.
    pub heard_us: i64,
}

/// A change of a project on its way into a roll-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayStep {
    /// Position in the log.
    pub revision: Revision,
    /// Time of the change.
    pub at: OffsetDateTime,
    /// Statuses before and after.
    pub step: StatusStep,
}

/// Roll-ups of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledUp {
    /// First day that is not rolled up.
    pub until: Date,
    /// Days in which its status changed, newest first.
    pub days: Vec<UptimeDay>,
    /// Days for which the listening time of its source is known, newest first.
    pub heard: Vec<HeardDay>,
}

/// Rolls up one day of a project from its changes on that day, newest first. Returns `None` if its
/// status did not change.
#[must_use]
pub fn roll_up_day(day: Date, steps: &[DayStep], periods: &[ListeningPeriod]) -> Option<UptimeDay> {
    let of_day = steps.iter().filter(|one| day_of(one.at) == day && one.step.from != one.step.to);
    let of_day: Vec<&DayStep> = of_day.collect();
    let (newest, oldest) = (of_day.first()?, of_day.last()?);
    let timed: Vec<_> = of_day.iter().map(|one| (one.at, one.step)).collect();
    let closes = newest.step.to;
    let (spent, opens) = spent((first_moment_of(day), end(day)), closes, &timed, periods);
    Some(UptimeDay { day, spent, opens, closes, first: oldest.revision, last: newest.revision })
}

impl UptimeDay {
    /// Adds later changes of the day, newest first.
    ///
    /// Up to the first of them nothing changes. From then on, the time that was counted for the status
    /// at the end of the day is counted again.
    #[must_use]
    pub fn extended(&self, steps: &[DayStep], periods: &[ListeningPeriod]) -> Self {
        let Some(part) = roll_up_day(self.day, steps, periods) else { return *self };
        let of_day = steps.iter().filter(|one| day_of(one.at) == self.day);
        let since = of_day.map(|one| one.at).min().unwrap_or_else(|| end(self.day));
        let span = (since, end(self.day));
        let timed: Vec<_> = steps.iter().map(|one| (one.at, one.step)).collect();
        let (before, _) = spent(span, self.closes, &[], periods);
        let (after, _) = spent(span, part.closes, &timed, periods);
        let mut whole = self.spent;
        whole.subtract(before);
        whole.add(after);
        Self { spent: whole, closes: part.closes, last: part.last, ..*self }
    }
}

/// Returns the time for which a source listened on a day.
#[must_use]
pub fn heard_day(day: Date, source: Source, periods: &[ListeningPeriod]) -> HeardDay {
    HeardDay { day, source, heard_us: heard_us(first_moment_of(day), end(day), periods) }
}

/// Returns how a project spent the time from `from` to `now`.
///
/// `status` is its status now. `tail` are its changes since the beginning of the first day that is not
/// rolled up, newest first. `first_day` are its changes on the day of `from`, newest first; they are
/// needed only if that day is rolled up and `from` is not its beginning. `periods` are the listening
/// periods of its source, as far back as they are kept.
#[must_use]
pub fn uptime(
    (from, now): (OffsetDateTime, OffsetDateTime),
    status: ProjectStatus,
    tail: &[(OffsetDateTime, StatusStep)],
    rolled_up: &RolledUp,
    first_day: &[(OffsetDateTime, StatusStep)],
    periods: &[ListeningPeriod],
) -> TimeByStatus {
    let tail_from = first_moment_of(rolled_up.until).clamp(from, now.max(from));
    let (mut whole, mut status) = spent((tail_from, now), Some(status), tail, periods);
    let mut day = rolled_up.until;
    while let Some(previous) = day.previous_day().filter(|previous| *previous >= day_of(from)) {
        day = previous;
        let span = (first_moment_of(day).max(from), end(day).min(now));
        let is_whole = span == (first_moment_of(day), end(day));
        let part = match rolled_up.days.iter().find(|one| one.day == day) {
            Some(one) if is_whole => (one.spent, one.opens),
            Some(one) => spent(span, one.closes, first_day, periods),
            None => quiet(span, status, heard(rolled_up, day).filter(|_| is_whole), periods),
        };
        whole.add(part.0);
        status = part.1;
    }
    whole
}

/// Counts a span without a change.
fn quiet(
    span: (OffsetDateTime, OffsetDateTime),
    status: Option<ProjectStatus>,
    heard_us: Option<i64>,
    periods: &[ListeningPeriod],
) -> (TimeByStatus, Option<ProjectStatus>) {
    match (status, heard_us) {
        (Some(of), Some(heard_us)) => {
            let mut whole = TimeByStatus::default();
            whole.count(of, super::micros(span.1, span.0), heard_us);
            (whole, status)
        }
        _ => spent(span, status, &[], periods),
    }
}

fn heard(rolled_up: &RolledUp, day: Date) -> Option<i64> {
    rolled_up.heard.iter().find(|one| one.day == day).map(|one| one.heard_us)
}

/// Returns the UTC day of a time.
#[must_use]
pub fn day_of(at: OffsetDateTime) -> Date {
    at.to_offset(UtcOffset::UTC).date()
}

/// Returns the beginning of a UTC day.
#[must_use]
pub fn first_moment_of(day: Date) -> OffsetDateTime {
    day.with_time(Time::MIDNIGHT).assume_utc()
}

/// Returns the end of a day, which is the beginning of the next one.
fn end(day: Date) -> OffsetDateTime {
    first_moment_of(day.next_day().unwrap_or(Date::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::Duration;

    const HOUR: i64 = 3_600;
    /// Days of the property.
    const DAYS: i64 = 6;

    fn at(seconds: i64) -> OffsetDateTime {
        time::macros::datetime!(2026-11-24 00:00 UTC) + Duration::seconds(seconds)
    }

    fn day(number: i64) -> Date {
        at(number * 24 * HOUR).date()
    }

    /// Changes at these seconds, oldest first. The status after the last one is returned too.
    fn changes(times: &[(i64, usize)]) -> (Vec<DayStep>, ProjectStatus) {
        let mut status = ProjectStatus::Offline;
        let mut steps = Vec::new();
        for (revision, &(seconds, to)) in (1..).zip(times) {
            let to = ProjectStatus::ALL[to % 3];
            let step = StatusStep { from: Some(status), to: Some(to) };
            steps.push(DayStep { revision: Revision(revision), at: at(seconds), step });
            status = to;
        }
        (steps, status)
    }

    fn periods(gaps: &[(i64, i64)]) -> Vec<ListeningPeriod> {
        let mut from = 0;
        let period = |&(gap, length): &(i64, i64)| {
            let begin = from + gap;
            from = begin + length;
            ListeningPeriod { source: Source::Nats, from: at(begin), until: at(from) }
        };
        gaps.iter().map(period).collect()
    }

    proptest! {
        /// The roll-ups of any number of days, joined with the tail, give the same as the whole log.
        #[test]
        fn days_and_tail_together_equal_the_direct_computation(
            times in prop::collection::btree_map(0..DAYS * 24 * HOUR, 0_usize..3, 0..40),
            gaps in prop::collection::vec((1..10 * HOUR, 1..20 * HOUR), 0..12),
            rolled_days in 0..=DAYS,
            from in 0..DAYS * 24 * HOUR,
            knows_heard_days: bool,
        ) {
            let times: Vec<_> = times.into_iter().collect();
            let (mut steps, status) = changes(&times);
            steps.reverse();
            let periods = periods(&gaps);
            let (from, now) = (at(from), at(DAYS * 24 * HOUR));
            let timed = |keep: &dyn Fn(&DayStep) -> bool| -> Vec<_> {
                steps.iter().filter(|one| keep(one)).map(|one| (one.at, one.step)).collect()
            };
            let (direct, _) =
                spent((from, now), Some(status), &timed(&|one| one.at >= from), &periods);
            let until = day(rolled_days);
            let days = (0..rolled_days).rev();
            let rolled_up = RolledUp {
                until,
                days: days.clone().filter_map(|n| roll_up_day(day(n), &steps, &periods)).collect(),
                heard: days
                    .filter(|_| knows_heard_days)
                    .map(|n| heard_day(day(n), Source::Nats, &periods))
                    .collect(),
            };
            let tail = timed(&|one| one.at >= first_moment_of(until));
            let first_day = timed(&|one| day_of(one.at) == day_of(from) && one.at >= from);
            let joined = uptime((from, now), status, &tail, &rolled_up, &first_day, &periods);
            prop_assert_eq!(joined, direct);
        }

        /// A day that is rolled up in two parts gives the same as in one.
        #[test]
        fn a_day_can_be_extended(
            times in prop::collection::btree_map(0..24 * HOUR, 0_usize..3, 1..20),
            gaps in prop::collection::vec((1..5 * HOUR, 1..5 * HOUR), 0..8),
            split in 0_usize..20,
        ) {
            let times: Vec<_> = times.into_iter().collect();
            let (mut steps, _) = changes(&times);
            steps.reverse();
            let periods = periods(&gaps);
            let whole = roll_up_day(day(0), &steps, &periods);
            let (later, earlier) = steps.split_at(split.min(steps.len()));
            if let Some(first) = roll_up_day(day(0), earlier, &periods) {
                prop_assert_eq!(Some(first.extended(later, &periods)), whole);
            }
        }

        #[test]
        fn a_day_has_24_hours(
            times in prop::collection::btree_map(0..24 * HOUR, 0_usize..3, 0..20),
            gaps in prop::collection::vec((1..5 * HOUR, 1..5 * HOUR), 0..8),
        ) {
            let times: Vec<_> = times.into_iter().collect();
            let (mut steps, _) = changes(&times);
            steps.reverse();
            if let Some(UptimeDay { spent, .. }) = roll_up_day(day(0), &steps, &periods(&gaps)) {
                let TimeByStatus { online_us, degraded_us, offline_us, unobserved_us } = spent;
                let whole = online_us + degraded_us + offline_us + unobserved_us;
                prop_assert_eq!(whole, 24 * HOUR * 1_000_000);
            }
        }
    }

    #[test]
    fn a_day_keeps_what_the_days_around_it_need() {
        let (mut steps, _) = changes(&[(HOUR, 0), (25 * HOUR, 1), (26 * HOUR, 0), (50 * HOUR, 2)]);
        steps.reverse();
        let found = roll_up_day(day(1), &steps, &periods(&[(0, 100 * HOUR)])).unwrap();
        assert_eq!((found.first, found.last), (Revision(2), Revision(3)));
        let online = Some(ProjectStatus::Online);
        assert_eq!((found.opens, found.closes), (online, online));
        assert_eq!(found.spent.degraded_us, HOUR * 1_000_000);
        assert_eq!(roll_up_day(day(3), &steps, &[]), None, "nothing changed");
    }

    #[test]
    fn a_removed_project_does_not_exist_until_it_is_registered_again() {
        let step = |revision, hour, from, to| DayStep {
            revision: Revision(revision),
            at: at(hour * HOUR),
            step: StatusStep { from, to },
        };
        let offline = Some(ProjectStatus::Offline);
        let steps = [step(3, 20, None, offline), step(2, 10, offline, None)];
        let found = roll_up_day(day(0), &steps, &periods(&[(0, 24 * HOUR)])).unwrap();
        assert_eq!(found.spent.offline_us, 14 * HOUR * 1_000_000);
        assert_eq!((found.opens, found.closes), (offline, offline));
    }
}
