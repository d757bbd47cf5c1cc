//! Weekly recurrence.

use std::time::Duration;

use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, Weekday};

use super::TimeZones;

/// A part of each week: a time of day and a duration, on some days, in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly {
    /// Days on which the window opens, in order, at least one.
    pub days: Vec<Weekday>,
    /// Local time at which it opens.
    pub at: Time,
    /// Time for which it stays open: at most a day.
    pub duration: Duration,
    /// IANA name of the time zone.
    pub zone: String,
}

/// Days of the week in order, with their names.
pub(super) const DAYS: [(Weekday, &str); 7] = [
    (Weekday::Monday, "mon"),
    (Weekday::Tuesday, "tue"),
    (Weekday::Wednesday, "wed"),
    (Weekday::Thursday, "thu"),
    (Weekday::Friday, "fri"),
    (Weekday::Saturday, "sat"),
    (Weekday::Sunday, "sun"),
];

/// Returns the name of a day, such as `mon`.
#[must_use]
pub fn weekday_name(day: Weekday) -> &'static str {
    DAYS[usize::from(day.number_days_from_monday())].1
}

impl Weekly {
    /// Returns `true` if the window is open at this time. In a zone that is not known it never is.
    ///
    /// A window is open for its whole duration, also if the clocks change meanwhile. If the local time
    /// occurs twice, it opens the first time. If the clocks skip it, it opens as much later.
    #[must_use]
    pub fn is_open(&self, now: OffsetDateTime, zones: &dyn TimeZones) -> bool {
        let Some(offset) = zones.offset(&self.zone, now) else { return false };
        let today = now.to_offset(offset).date();
        // A window of 24 hours over a day of 23 hours ends two days after it began.
        let dates = std::iter::successors(Some(today), |date| date.previous_day()).take(3);
        let mut dates = dates.filter(|date| self.days.contains(&date.weekday()));
        dates.any(|date| {
            let start = self.start(date, zones);
            start.is_some_and(|start| start <= now && now - start < self.duration)
        })
    }

    /// Returns the time at which the window opens on a day.
    fn start(&self, date: Date, zones: &dyn TimeZones) -> Option<OffsetDateTime> {
        let local = PrimitiveDateTime::new(date, self.at);
        let near = |hours| local.assume_utc().checked_add(time::Duration::hours(hours));
        let before = zones.offset(&self.zone, near(-24)?)?;
        let after = zones.offset(&self.zone, near(24)?)?;
        let earlier = local.assume_offset(before);
        let later = local.assume_offset(after);
        let is_later = zones.offset(&self.zone, earlier)? != before
            && zones.offset(&self.zone, later)? == after;
        Some(if is_later { later } else { earlier })
    }
}

#[cfg(test)]
mod tests {
    use time::UtcOffset;
    use time::macros::{datetime, offset, time};

    use super::*;

    /// Two hours ahead in the summer of 2026, one hour otherwise.
    struct Berlin;

    impl TimeZones for Berlin {
        fn offset(&self, zone: &str, at: OffsetDateTime) -> Option<UtcOffset> {
            let summer = datetime!(2026-03-29 01:00 UTC)..datetime!(2026-10-25 01:00 UTC);
            let offset = if summer.contains(&at) { offset!(+2) } else { offset!(+1) };
            (zone == "Europe/Berlin").then_some(offset)
        }
    }

    fn weekly(days: &[Weekday], at: Time, hours: u64) -> Weekly {
        let duration = Duration::from_secs(hours * 3_600);
        Weekly { days: days.to_vec(), at, duration, zone: "Europe/Berlin".to_owned() }
    }

    #[test]
    fn a_window_opens_by_local_time() {
        let sundays = weekly(&[Weekday::Sunday], time!(02:00), 2);
        // 2026-11-29 is a Sunday.
        assert!(!sundays.is_open(datetime!(2026-11-29 00:59:59 UTC), &Berlin));
        assert!(sundays.is_open(datetime!(2026-11-29 01:00 UTC), &Berlin));
        assert!(sundays.is_open(datetime!(2026-11-29 02:59:59 UTC), &Berlin));
        assert!(!sundays.is_open(datetime!(2026-11-29 03:00 UTC), &Berlin));
        assert!(sundays.is_open(datetime!(2026-07-05 00:00 UTC), &Berlin), "in summer");
        assert!(!sundays.is_open(datetime!(2026-11-30 01:00 UTC), &Berlin), "on a Monday");
    }

    #[test]
    fn a_window_goes_on_after_midnight() {
        let saturdays = weekly(&[Weekday::Saturday], time!(23:00), 3);
        assert!(saturdays.is_open(datetime!(2026-11-28 22:30 UTC), &Berlin));
        assert!(saturdays.is_open(datetime!(2026-11-29 00:30 UTC), &Berlin));
        assert!(!saturdays.is_open(datetime!(2026-11-29 01:00 UTC), &Berlin));
    }

    /// Returns the minutes of two days in which a window is open, as times of its start and end.
    fn open_times(weekly: &Weekly, from: OffsetDateTime) -> Vec<OffsetDateTime> {
        let minutes = (0..2 * 24 * 60).map(|minute| from + time::Duration::minutes(minute));
        let states = minutes.map(|at| (at, weekly.is_open(at, &Berlin)));
        let mut was_open = false;
        let changes = states.filter(|(_, is)| std::mem::replace(&mut was_open, *is) != *is);
        changes.map(|(at, _)| at).collect()
    }

    #[test]
    fn a_skipped_local_time_opens_as_much_later_and_for_the_whole_duration() {
        let sundays = weekly(&[Weekday::Sunday], time!(02:30), 2);
        // 02:30 does not exist on this day: 03:30 in summer is 01:30 UTC.
        let open = open_times(&sundays, datetime!(2026-03-28 12:00 UTC));
        assert_eq!(open, [datetime!(2026-03-29 01:30 UTC), datetime!(2026-03-29 03:30 UTC)]);
    }

    #[test]
    fn a_repeated_local_time_opens_once_and_for_the_whole_duration() {
        let sundays = weekly(&[Weekday::Sunday], time!(02:30), 2);
        let open = open_times(&sundays, datetime!(2026-10-24 12:00 UTC));
        assert_eq!(open, [datetime!(2026-10-25 00:30 UTC), datetime!(2026-10-25 02:30 UTC)]);
    }

    #[test]
    fn a_day_long_window_covers_24_hours_of_a_day_of_23_hours() {
        let saturdays = weekly(&[Weekday::Saturday], time!(23:30), 24);
        let open = open_times(&saturdays, datetime!(2026-03-28 12:00 UTC));
        assert_eq!(open, [datetime!(2026-03-28 22:30 UTC), datetime!(2026-03-29 22:30 UTC)]);
        // 23:30 on Saturday + 24 h is 00:30 on Monday in summer time.
        let monday = datetime!(2026-03-30 00:29 +2);
        assert!(saturdays.is_open(monday, &Berlin));
    }

    #[test]
    fn a_window_in_an_unknown_zone_never_opens() {
        let lost =
            Weekly { zone: "Mars/Base".to_owned(), ..weekly(&[Weekday::Sunday], time!(0:00), 24) };
        assert!(!lost.is_open(datetime!(2026-11-29 12:00 UTC), &Berlin));
    }
}
