//! The history of a project.

use federation_application::{History, Uptime};
use federation_domain::Slug;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::entry::HistoryEntryBody;
use crate::wire::timestamp::Timestamp;

/// A page of a project's change log, and its uptime.
#[derive(Serialize, ToSchema)]
#[schema(
    as = History,
    example = json!({
        "slug": "commandcenter",
        "uptime": [
            {
                "window": "24h",
                "from": "2026-11-22T14:43:48.711326Z",
                "online": 0.98,
                "degraded": 0.005,
                "offline": 0.01,
                "unobserved": 0.005
            },
            {
                "window": "7d",
                "from": "2026-11-20T08:00:00.018273Z",
                "online": 0.99,
                "degraded": 0.002,
                "offline": 0.004,
                "unobserved": 0.004
            },
            {
                "window": "30d",
                "from": "2026-11-20T08:00:00.018273Z",
                "online": 0.99,
                "degraded": 0.002,
                "offline": 0.004,
                "unobserved": 0.004
            }
        ],
        "changes": [
            {
                "revision": 17,
                "kind": "status_changed",
                "from": "offline",
                "to": "online",
                "at": "2026-11-23T14:41:14.020911Z",
                "cause": {"kind": "heartbeat", "source": "nats"},
                "because": "heartbeat over nats",
                "actor": "nats"
            }
        ],
        "next": "/api/fed/projects/commandcenter/history?before=17&limit=1"
    })
)]
pub(crate) struct HistoryBody<'a> {
    /// The slug of the project.
    slug: &'a str,
    /// Uptime until now, shortest window first. Empty if the project was removed.
    uptime: Vec<UptimeBody>,
    /// Entries of the project, newest first.
    changes: Vec<HistoryEntryBody<'a>>,
    /// Path of the next page, with older changes. Null at the end of the log.
    #[schema(format = "uri-reference", required)]
    next: Option<&'a str>,
}

/// The fraction of a window that a project spent in each status. The fractions add up to 1, except
/// for rounding. They are null if the project changed more than 50,000 times since the last complete
/// day.
#[derive(Serialize, ToSchema)]
#[schema(as = Uptime)]
struct UptimeBody {
    /// Length of the window: `24h`, `7d` or `30d`.
    #[schema(value_type = String, pattern = "^(24h|7d|30d)$")]
    window: &'static str,
    /// Start of the window, or the time of registration if that is later. The next midnight in UTC if
    /// the changes on the first day of the window are older than the change log.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Fraction of the window in which the project was online.
    #[schema(minimum = 0, maximum = 1, required)]
    online: Option<f64>,
    /// Fraction of the window in which the project was degraded.
    #[schema(minimum = 0, maximum = 1, required)]
    degraded: Option<f64>,
    /// Fraction of the window in which the project was offline.
    #[schema(minimum = 0, maximum = 1, required)]
    offline: Option<f64>,
    /// Fraction of the window in which the service did not listen, so the status is not known.
    #[schema(minimum = 0, maximum = 1, required)]
    unobserved: Option<f64>,
}

impl<'a> HistoryBody<'a> {
    pub(crate) fn new(slug: &'a Slug, history: &'a History, next: Option<&'a str>) -> Self {
        Self {
            slug: slug.as_str(),
            uptime: history.uptime.iter().map(UptimeBody::from).collect(),
            changes: history.changes.iter().map(HistoryEntryBody::from).collect(),
            next,
        }
    }
}

impl From<&Uptime> for UptimeBody {
    fn from(uptime: &Uptime) -> Self {
        let Uptime { window, from, shares } = *uptime;
        Self {
            window,
            from: Timestamp(from),
            online: shares.map(|shares| rounded(shares.online)),
            degraded: shares.map(|shares| rounded(shares.degraded)),
            offline: shares.map(|shares| rounded(shares.offline)),
            unobserved: shares.map(|shares| rounded(shares.unobserved)),
        }
    }
}

/// Rounds to millionths, which is 3 s of 30 days. Further digits are floating-point noise.
fn rounded(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}
