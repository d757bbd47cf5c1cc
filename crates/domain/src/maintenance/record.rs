//! Parsing of stored windows, shared by all stores.

use std::error::Error;
use std::time::Duration;

use time::OffsetDateTime;

use super::draft::time_of_day;
use super::weekly::DAYS;
use super::{
    MaintenanceId, MaintenancePlan, MaintenanceSource, MaintenanceWindow, Weekly, weekday_name,
};
use crate::error::StoreError;
use crate::log::Actor;
use crate::stored::Decoded;
use crate::values::{Slug, Tags};

/// The columns of a stored window.
#[derive(Debug)]
pub struct MaintenanceRecord {
    /// Primary key.
    pub id: i64,
    /// See [`MaintenanceSource`].
    pub source: String,
    /// See [`MaintenancePlan::all`].
    pub all: bool,
    /// Slugs.
    pub projects: Decoded<Vec<String>>,
    /// Tags.
    pub tags: Decoded<Vec<String>>,
    /// Start.
    pub from: Decoded<OffsetDateTime>,
    /// End.
    pub until: Decoded<Option<OffsetDateTime>>,
    /// Recurrence.
    pub weekly: Decoded<Option<WeeklyRecord>>,
    /// Reason.
    pub reason: String,
    /// See [`Actor`].
    pub created_by: String,
    /// Time of creation.
    pub created_at: Decoded<OffsetDateTime>,
    /// Time of the newest change.
    pub updated_at: Decoded<OffsetDateTime>,
}

/// A stored recurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct WeeklyRecord {
    /// Days, such as `mon`.
    pub days: Vec<String>,
    /// Local time, such as `02:30`.
    pub at: String,
    /// Duration in seconds.
    pub duration_seconds: u64,
    /// IANA name of the time zone.
    pub zone: String,
}

impl From<&Weekly> for WeeklyRecord {
    fn from(weekly: &Weekly) -> Self {
        Self {
            days: weekly.days.iter().map(|day| weekday_name(*day).to_owned()).collect(),
            at: format!("{:02}:{:02}", weekly.at.hour(), weekly.at.minute()),
            duration_seconds: weekly.duration.as_secs(),
            zone: weekly.zone.clone(),
        }
    }
}

impl WeeklyRecord {
    fn parse(self) -> Option<Weekly> {
        let day = |text: &String| DAYS.iter().find(|(_, name)| name == text).map(|(day, _)| *day);
        let days = self.days.iter().map(day).collect::<Option<Vec<_>>>()?;
        let (at, duration) = (time_of_day(&self.at)?, Duration::from_secs(self.duration_seconds));
        Some(Weekly { days, at, duration, zone: self.zone })
    }
}

impl MaintenanceRecord {
    /// Parses the columns.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] for the first column that does not parse.
    pub fn parse(self) -> Result<MaintenanceWindow, StoreError> {
        let id = self.id;
        let fail = |column: &'static str| {
            move |error: Box<dyn Error + Send + Sync>| corrupt(id, column, error)
        };
        let source = MaintenanceSource::from_name(&self.source);
        let projects = self.projects.map_err(fail("projects"))?;
        let projects: Result<Vec<_>, _> = projects.iter().map(|slug| Slug::parse(slug)).collect();
        let tags = Tags::parse(&self.tags.map_err(fail("tags"))?);
        let weekly = self.weekly.map_err(fail("weekly"))?;
        let weekly = weekly.map(|weekly| weekly.parse().ok_or("expected a weekly recurrence"));
        let plan = MaintenancePlan {
            all: self.all,
            projects: projects.map_err(|error| corrupt(id, "projects", error))?,
            tags: tags.map_err(|error| corrupt(id, "tags", error))?,
            from: self.from.map_err(fail("starts_at"))?,
            until: self.until.map_err(fail("ends_at"))?,
            weekly: weekly.transpose().map_err(|error| corrupt(id, "weekly", error))?,
            reason: self.reason,
        };
        Ok(MaintenanceWindow {
            id: MaintenanceId(id),
            source: source.ok_or_else(|| corrupt(id, "source", "expected file or api"))?,
            plan,
            created_by: Actor::parse(&self.created_by),
            created_at: self.created_at.map_err(fail("created_at"))?,
            updated_at: self.updated_at.map_err(fail("updated_at"))?,
        })
    }
}

fn corrupt(
    row: i64,
    column: &'static str,
    error: impl Into<Box<dyn Error + Send + Sync>>,
) -> StoreError {
    StoreError::Corrupt { table: "maintenance_windows", column, row, source: error.into() }
}
