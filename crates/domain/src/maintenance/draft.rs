//! Maintenance windows before they are parsed.

use std::time::Duration;

use time::{OffsetDateTime, Time};

use super::weekly::DAYS;
use super::{MAX_WINDOW_PROJECTS, TimeZones, Weekly};
use crate::InvalidValue;
use crate::time_precision::to_micros;
use crate::values::{Slug, Tags};

/// Maximum length of a reason in characters.
const MAX_REASON_CHARS: usize = 500;

/// Longest weekly window.
const MAX_WEEKLY: Duration = Duration::from_secs(86_400);

/// A window before it is parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MaintenanceDraft {
    /// Apply to all projects.
    pub all: bool,
    /// Slugs of projects.
    pub projects: Vec<String>,
    /// Tags of projects.
    pub tags: Vec<String>,
    /// Start; now if absent.
    pub from: Option<OffsetDateTime>,
    /// End.
    pub until: Option<OffsetDateTime>,
    /// Duration from the start, instead of an end.
    pub duration: Option<Duration>,
    /// Weekly recurrence.
    pub weekly: Option<WeeklyDraft>,
    /// Reason.
    pub reason: String,
}

/// A weekly recurrence before it is parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WeeklyDraft {
    /// Days, such as `mon` or `sunday`.
    pub days: Vec<String>,
    /// Local time, such as `02:30`.
    pub at: String,
    /// Duration.
    pub duration: Option<Duration>,
    /// IANA name of the time zone.
    pub zone: String,
}

/// When a window applies, to which projects, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenancePlan {
    /// It applies to all projects.
    pub all: bool,
    /// Projects that it names.
    pub projects: Vec<Slug>,
    /// Tags of projects that it applies to.
    pub tags: Tags,
    /// Start.
    pub from: OffsetDateTime,
    /// End. A window without an end recurs every week.
    pub until: Option<OffsetDateTime>,
    /// Weekly recurrence between start and end.
    pub weekly: Option<Weekly>,
    /// Reason.
    pub reason: String,
}

impl MaintenanceDraft {
    /// Parses all fields.
    ///
    /// # Errors
    /// Returns one error for each invalid field.
    pub fn parse(
        &self,
        now: OffsetDateTime,
        zones: &dyn TimeZones,
    ) -> Result<MaintenancePlan, Vec<InvalidValue>> {
        let mut faults = Vec::new();
        let projects = self.projects(&mut faults);
        let tags = Tags::parse(&self.tags).map_err(|fault| faults.push(fault)).unwrap_or_default();
        let is_empty = !self.all && self.projects.is_empty() && self.tags.is_empty();
        if is_empty || (self.all && !(self.projects.is_empty() && self.tags.is_empty())) {
            let allowed = "at least one project or tag, or all: true without either";
            let given = if is_empty { "none of them" } else { "both" };
            faults.push(InvalidValue::new("projects", given, allowed));
        }
        let from = to_micros(self.from.unwrap_or(now));
        let until = self.until(from, &mut faults);
        let weekly = self.weekly.as_ref().and_then(|weekly| weekly.parse(zones, &mut faults));
        let reason = self.reason.trim().to_owned();
        let is_reason = (1..=MAX_REASON_CHARS).contains(&reason.chars().count())
            && !reason.chars().any(char::is_control);
        if !is_reason {
            let allowed = "1 to 500 characters without control characters";
            faults.push(InvalidValue::new("reason", &self.reason, allowed));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(MaintenancePlan { all: self.all, projects, tags, from, until, weekly, reason })
    }

    fn projects(&self, faults: &mut Vec<InvalidValue>) -> Vec<Slug> {
        if self.projects.len() > MAX_WINDOW_PROJECTS {
            let given = format!("{} projects", self.projects.len());
            let allowed = format!("at most {MAX_WINDOW_PROJECTS} projects");
            faults.push(InvalidValue::new("projects", &given, allowed));
            return Vec::new();
        }
        let mut projects = Vec::new();
        for (place, text) in self.projects.iter().enumerate() {
            match Slug::parse(text) {
                Ok(slug) if projects.contains(&slug) => {}
                Ok(slug) => projects.push(slug),
                Err(fault) => {
                    faults.push(InvalidValue { field: format!("projects[{place}]"), ..fault });
                }
            }
        }
        projects
    }

    fn until(
        &self,
        from: OffsetDateTime,
        faults: &mut Vec<InvalidValue>,
    ) -> Option<OffsetDateTime> {
        let until = match (self.until, self.duration) {
            (Some(_), Some(_)) => {
                let allowed = "either until or duration, not both";
                faults.push(InvalidValue::new("until", "both", allowed));
                return None;
            }
            (until, None) => until,
            (None, Some(duration)) => {
                from.checked_add(time::Duration::try_from(duration).unwrap_or(time::Duration::MAX))
            }
        };
        match until {
            None if self.weekly.is_none() => {
                let allowed = "an end, a duration or a weekly recurrence";
                faults.push(InvalidValue::new("until", "", allowed));
                None
            }
            Some(until) if until <= from => {
                faults.push(InvalidValue::new(
                    "until",
                    &until.to_string(),
                    "a time after the start",
                ));
                None
            }
            until => until.map(to_micros),
        }
    }
}

impl WeeklyDraft {
    fn parse(&self, zones: &dyn TimeZones, faults: &mut Vec<InvalidValue>) -> Option<Weekly> {
        let before = faults.len();
        let mut refuse = |field: &str, given: &str, allowed: &str| {
            faults.push(InvalidValue::new(format!("weekly.{field}"), given, allowed));
        };
        let mut days = Vec::new();
        for text in &self.days {
            let lower = text.trim().to_ascii_lowercase();
            let found = DAYS.iter().find(|(day, name)| {
                lower == *name || lower == day.to_string().to_ascii_lowercase()
            });
            match found {
                Some((day, _)) => days.push(*day),
                None => refuse("days", text, "mon, tue, wed, thu, fri, sat or sun"),
            }
        }
        days.sort_by_key(|day| day.number_days_from_monday());
        days.dedup();
        if self.days.is_empty() {
            refuse("days", "none", "at least one of mon, tue, wed, thu, fri, sat and sun");
        }
        let at = time_of_day(&self.at);
        if at.is_none() {
            refuse("at", &self.at, "a local time from 00:00 to 23:59, such as 02:30");
        }
        let duration =
            self.duration.filter(|duration| !duration.is_zero() && *duration <= MAX_WEEKLY);
        if duration.is_none() {
            let given = self.duration.map_or("none".to_owned(), |given| format!("{given:?}"));
            refuse("duration", &given, "a duration of at most 24 hours, such as 2h");
        }
        if zones.offset(&self.zone, OffsetDateTime::UNIX_EPOCH).is_none() {
            refuse("zone", &self.zone, "the IANA name of a time zone, such as Europe/Berlin");
        }
        if faults.len() > before {
            return None;
        }
        Some(Weekly { days, at: at?, duration: duration?, zone: self.zone.clone() })
    }
}

/// Parses `HH:MM`.
pub(super) fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |part: &str| {
        let is_number = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    Time::from_hms(number(hour)?, number(minute)?, 0).ok()
}

#[cfg(test)]
mod tests {
    use time::UtcOffset;
    use time::macros::datetime;

    use super::*;

    struct Utc;

    impl TimeZones for Utc {
        fn offset(&self, zone: &str, _: OffsetDateTime) -> Option<UtcOffset> {
            (zone == "UTC").then_some(UtcOffset::UTC)
        }
    }

    const NOW: OffsetDateTime = datetime!(2026-11-29 12:00 UTC);

    #[test]
    fn a_window_starts_now_and_ends_after_its_duration() {
        let draft = MaintenanceDraft {
            tags: vec!["db".to_owned()],
            duration: Some(Duration::from_secs(7_200)),
            reason: " new disks ".to_owned(),
            ..MaintenanceDraft::default()
        };
        let plan = draft.parse(NOW, &Utc).unwrap();
        assert_eq!((plan.from, plan.until), (NOW, Some(datetime!(2026-11-29 14:00 UTC))));
        assert_eq!(plan.reason, "new disks");
        let slug = Slug::parse("a").unwrap();
        assert!(plan.covers(&slug, &Tags::parse(&["db"]).unwrap()));
        assert!(!plan.covers(&slug, &Tags::default()));
        assert!(plan.is_open(NOW, &Utc) && !plan.is_open(datetime!(2026-11-29 14:00 UTC), &Utc));
    }

    #[test]
    fn every_invalid_field_is_reported() {
        let draft = MaintenanceDraft {
            all: true,
            projects: vec!["A".to_owned()],
            until: Some(NOW),
            weekly: Some(WeeklyDraft {
                days: vec!["someday".to_owned()],
                at: "2:30".to_owned(),
                duration: None,
                zone: "Mars".to_owned(),
            }),
            ..MaintenanceDraft::default()
        };
        let faults = draft.parse(NOW, &Utc).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "projects[0]",
                "projects",
                "until",
                "weekly.days",
                "weekly.at",
                "weekly.duration",
                "weekly.zone",
                "reason"
            ]
        );
    }

    #[test]
    fn a_window_that_recurs_needs_no_end() {
        let weekly = WeeklyDraft {
            days: vec!["Sunday".to_owned(), "mon".to_owned(), "sun".to_owned()],
            at: "02:30".to_owned(),
            duration: Some(Duration::from_secs(3_600)),
            zone: "UTC".to_owned(),
        };
        let draft = MaintenanceDraft {
            all: true,
            weekly: Some(weekly),
            reason: "x".to_owned(),
            ..MaintenanceDraft::default()
        };
        let plan = draft.parse(NOW, &Utc).unwrap();
        assert_eq!(plan.weekly.unwrap().days.len(), 2);
        let endless = MaintenanceDraft { weekly: None, ..draft };
        assert_eq!(endless.parse(NOW, &Utc).unwrap_err()[0].field, "until");
    }
}
