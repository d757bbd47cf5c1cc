//! Maintenance windows: times in which no incident opens for some projects.

mod draft;
mod event;
mod record;
mod weekly;

use time::{OffsetDateTime, UtcOffset};

use crate::log::Actor;
use crate::values::{Slug, Tags};

pub use draft::{MaintenanceDraft, MaintenancePlan, WeeklyDraft};
pub use event::{MAINTENANCE, MaintenanceChange};
pub use record::{MaintenanceRecord, WeeklyRecord};
pub use weekly::{Weekly, weekday_name};

/// Maximum number of windows.
pub const MAX_WINDOWS: usize = 1_000;

/// Maximum number of projects that one window names.
pub const MAX_WINDOW_PROJECTS: usize = 1_000;

/// Number of a window. It is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaintenanceId(pub i64);

impl std::fmt::Display for MaintenanceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Origin of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaintenanceSource {
    /// The projects file.
    File,
    /// The API.
    Api,
}

impl MaintenanceSource {
    /// Returns the name in the API and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
        }
    }

    /// Returns the source with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::File, Self::Api].into_iter().find(|source| source.as_str() == name)
    }
}

/// Offsets of time zones from UTC, by their IANA names.
pub trait TimeZones: Send + Sync {
    /// Returns the offset of a zone at a time; `None` if there is no such zone.
    fn offset(&self, zone: &str, at: OffsetDateTime) -> Option<UtcOffset>;
}

/// A maintenance window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// Number of the window.
    pub id: MaintenanceId,
    /// Origin.
    pub source: MaintenanceSource,
    /// When it applies, to which projects, and why.
    pub plan: MaintenancePlan,
    /// Actor that created it.
    pub created_by: Actor,
    /// Time of its creation.
    pub created_at: OffsetDateTime,
    /// Time of its newest change.
    pub updated_at: OffsetDateTime,
}

impl MaintenancePlan {
    /// Returns `true` if the window applies to a project with this slug and these tags, at any time.
    #[must_use]
    pub fn covers(&self, slug: &Slug, tags: &Tags) -> bool {
        self.all
            || self.projects.contains(slug)
            || tags.iter().any(|tag| self.tags.iter().any(|one| one == tag))
    }

    /// Returns `true` if the window is open at this time.
    #[must_use]
    pub fn is_open(&self, now: OffsetDateTime, zones: &dyn TimeZones) -> bool {
        let is_within = self.from <= now && self.until.is_none_or(|until| now < until);
        is_within && self.weekly.as_ref().is_none_or(|weekly| weekly.is_open(now, zones))
    }

    /// Returns `true` if the window never opens again.
    #[must_use]
    pub fn is_over(&self, now: OffsetDateTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}
