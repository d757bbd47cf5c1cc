//! Uptime of several projects.

use federation_application::{STRIP_STEP, StatusStrip, StatusStrips};
use federation_domain::PartStatus;
use serde::Serialize;
use utoipa::ToSchema;

use super::timestamp::Timestamp;

/// Statuses of projects over the last 24 hours.
#[derive(Serialize, ToSchema)]
#[schema(
    as = UptimeOfProjects,
    example = json!({
        "from": "2026-11-28T12:30:00.000000Z", "until": "2026-11-29T12:10:41.271000Z", "step_seconds": 1800,
        "projects": [{
            "slug": "commandcenter",
            "strip": "----------ooooooooooooooxxooooooooooooouoooooodo",
            "online": 0.93, "degraded": 0.01, "offline": 0.05, "unobserved": 0.01
        }]
    })
)]
pub(crate) struct UptimeBody<'a> {
    /// Beginning of the first part.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// End of the last part, which is shorter than the others.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Length of a part.
    #[schema(example = 1800)]
    step_seconds: u64,
    /// Projects in order of id.
    projects: Vec<StripBody<'a>>,
}

/// Status of a project over the last 24 hours.
#[derive(Serialize, ToSchema)]
#[schema(as = UptimeOfProject)]
pub(crate) struct StripBody<'a> {
    /// Slug of the project.
    slug: &'a str,
    /// One letter for each part, the oldest first: `x` if the project was offline for some time, else
    /// `d` if it was degraded for some time, else `u` if no replica listened for more than a tenth of
    /// the part, else `o` for online. A `-` stands for a part in which the project did not exist, or
    /// whose changes are not known.
    #[schema(pattern = "^[oxdu-]{48}$")]
    strip: String,
    /// Share of the time in which it was online. All four are 0 if there is no such time.
    #[schema(minimum = 0, maximum = 1)]
    online: f64,
    /// Share in which it was degraded.
    #[schema(minimum = 0, maximum = 1)]
    degraded: f64,
    /// Share in which it was offline.
    #[schema(minimum = 0, maximum = 1)]
    offline: f64,
    /// Share in which no replica listened, so that the status is not known.
    #[schema(minimum = 0, maximum = 1)]
    unobserved: f64,
}

impl<'a> UptimeBody<'a> {
    pub(crate) fn new(
        strips: &StatusStrips,
        selected: impl Iterator<Item = &'a StatusStrip>,
    ) -> Self {
        Self {
            from: Timestamp(strips.from),
            until: Timestamp(strips.until),
            step_seconds: STRIP_STEP.as_secs(),
            projects: selected.map(StripBody::from).collect(),
        }
    }
}

impl<'a> From<&'a StatusStrip> for StripBody<'a> {
    fn from(strip: &'a StatusStrip) -> Self {
        let share = |share: f64| (share * 1e6).round() / 1e6;
        Self {
            slug: strip.slug.as_str(),
            strip: strip.parts.iter().map(|part| letter(*part)).collect(),
            online: share(strip.shares.online),
            degraded: share(strip.shares.degraded),
            offline: share(strip.shares.offline),
            unobserved: share(strip.shares.unobserved),
        }
    }
}

fn letter(part: PartStatus) -> char {
    match part {
        PartStatus::Absent => '-',
        PartStatus::Online => 'o',
        PartStatus::Degraded => 'd',
        PartStatus::Offline => 'x',
        PartStatus::Unobserved => 'u',
    }
}
