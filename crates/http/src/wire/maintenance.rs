//! Maintenance windows.

use federation_domain::{MaintenanceWindow, Slug, WeeklyRecord};
use serde::Serialize;
use utoipa::ToSchema;

use super::timestamp::Timestamp;

/// A maintenance window.
#[derive(Serialize, ToSchema)]
#[schema(
    as = MaintenanceWindow,
    example = json!({
        "id": 1, "source": "api", "open": true, "all": false, "projects": [], "tags": ["db"],
        "from": "2026-11-24T12:00:00.000000Z", "until": "2026-11-24T14:00:00.000000Z",
        "weekly": null, "reason": "new disks", "created_by": "key-1",
        "created_at": "2026-11-24T12:00:00.000000Z", "updated_at": "2026-11-24T12:00:00.000000Z"
    })
)]
pub(crate) struct MaintenanceWindowBody<'a> {
    /// Number of the window.
    #[schema(minimum = 1)]
    id: i64,
    /// Origin: `api` or `file`.
    source: &'static str,
    /// True if the window applies now.
    open: bool,
    /// True if it applies to all projects.
    all: bool,
    /// Slugs of the projects that it names.
    #[schema(value_type = Vec<String>)]
    projects: Vec<&'a str>,
    /// Tags of the projects that it applies to.
    #[schema(value_type = Vec<String>)]
    tags: Vec<&'a str>,
    /// Start.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// End. Null if the window recurs without an end.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    until: Option<Timestamp>,
    /// Recurrence within each week.
    #[schema(required)]
    weekly: Option<WeeklyBody>,
    /// Reason.
    reason: &'a str,
    /// The actor that created it.
    created_by: &'a str,
    /// Time of its creation.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Time of its newest change.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A part of each week.
#[derive(Serialize, ToSchema)]
#[schema(as = WeeklyPart)]
pub(crate) struct WeeklyBody {
    /// Days.
    days: Vec<String>,
    /// Local time at which the window opens.
    at: String,
    /// Duration in seconds.
    duration_seconds: u64,
    /// IANA name of the time zone.
    zone: String,
}

impl<'a> MaintenanceWindowBody<'a> {
    pub(crate) fn new(window: &'a MaintenanceWindow, open: bool) -> Self {
        let plan = &window.plan;
        let weekly = plan.weekly.as_ref().map(|weekly| {
            let WeeklyRecord { days, at, duration_seconds, zone } = WeeklyRecord::from(weekly);
            WeeklyBody { days, at, duration_seconds, zone }
        });
        Self {
            id: window.id.0,
            source: window.source.as_str(),
            open,
            all: plan.all,
            projects: plan.projects.iter().map(Slug::as_str).collect(),
            tags: plan.tags.iter().collect(),
            from: Timestamp(plan.from),
            until: plan.until.map(Timestamp),
            weekly,
            reason: &plan.reason,
            created_by: window.created_by.as_str(),
            created_at: Timestamp(window.created_at),
            updated_at: Timestamp(window.updated_at),
        }
    }
}
