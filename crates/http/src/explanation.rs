//! Why a project has its status, on the wire.

use federation_application::{Explanation, SourceEvidence};
use federation_domain::{Project, Thresholds};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::change::{ChangeBody, SourceSchema};
use crate::project::StatusSchema;
use crate::stamp::{Seconds, Stamp};

/// Why a project has its status.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Explanation,
    example = json!({
        "slug": "commandcenter",
        "status": "offline",
        "status_known": true,
        "summary": "offline: 94.2 s of silence over nats, 31.0 s of deafness left out (offline after 90 s)",
        "at": "2026-11-23T14:43:48.711326Z",
        "last_heartbeat": {
            "at": "2026-11-23T14:41:43.018273Z",
            "source": "nats",
            "seconds_ago": 125.693
        },
        "silence": [
            {
                "source": "nats",
                "counts": true,
                "hears": true,
                "silence_seconds": 94.193,
                "deaf_left_out_seconds": 31.25,
                "listening_since_deafness_seconds": 61.0
            },
            {
                "source": "http",
                "counts": false,
                "hears": true,
                "silence_seconds": null,
                "deaf_left_out_seconds": null,
                "listening_since_deafness_seconds": 86_400.25
            }
        ],
        "thresholds": {
            "degraded_after_seconds": 60.0,
            "offline_after_seconds": 90.0,
            "chance_seconds": 45.0
        },
        "reports": {"degraded": false, "reasons": []},
        "last_change": {
            "revision": 17,
            "kind": "status_changed",
            "from": "degraded",
            "to": "offline",
            "at": "2026-11-23T14:43:44.518273Z",
            "cause": {"kind": "silence", "silence_ms": 90_000, "deaf_ms": 31_250},
            "because": "no heartbeat for 90 s, not counting 31.2 s of interruptions"
        }
    })
)]
pub(crate) struct ExplanationBody<'a> {
    /// The slug of the project.
    slug: &'a str,
    /// Whether it is alive.
    #[schema(value_type = StatusSchema)]
    status: &'static str,
    /// Whether the status can be relied on.
    status_known: bool,
    /// The explanation in words. They may be worded otherwise in another version.
    summary: String,
    /// When all this was so, by the clock of the service.
    #[schema(value_type = String, format = DateTime)]
    at: Stamp,
    /// Its newest heartbeat; null where it was never heard.
    #[schema(required)]
    last_heartbeat: Option<LastHeartbeatBody>,
    /// What each source in use heard of it. It falls only when it is silent on all that count.
    silence: Vec<SilenceBody>,
    /// What follows from how much silence.
    thresholds: ThresholdsBody,
    /// What it says of itself.
    reports: ReportsBody<'a>,
    /// Its newest change in the log; null while the store does not tell.
    #[schema(required)]
    last_change: Option<ChangeBody<'a>>,
}

/// The newest heartbeat of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = LastHeartbeat)]
struct LastHeartbeatBody {
    /// When it arrived.
    #[schema(value_type = String, format = DateTime)]
    at: Stamp,
    /// The way it came; null where that is not known.
    #[schema(value_type = Option<SourceSchema>, required)]
    source: Option<&'static str>,
    /// How long ago that is by the time of day, deaf time and all.
    #[schema(value_type = f64, minimum = 0)]
    seconds_ago: Seconds,
}

/// What one source heard of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = Silence)]
struct SilenceBody {
    /// Which source.
    #[schema(value_type = SourceSchema)]
    source: &'static str,
    /// Whether the project's silence is measured by it.
    counts: bool,
    /// Whether it proves now that it hears.
    hears: bool,
    /// How long it has listened without hearing the project; null where it never heard it.
    #[schema(value_type = Option<f64>, minimum = 0, required)]
    silence_seconds: Option<Seconds>,
    /// How long it was deaf since the newest heartbeat, which the silence leaves out; null where
    /// that heartbeat did not come over it.
    #[schema(value_type = Option<f64>, minimum = 0, required)]
    deaf_left_out_seconds: Option<Seconds>,
    /// How long it has listened since it was last deaf, or since the start.
    #[schema(value_type = f64, minimum = 0)]
    listening_since_deafness_seconds: Seconds,
}

/// What follows for a project from how much silence.
#[derive(Serialize, ToSchema)]
#[schema(as = Thresholds)]
struct ThresholdsBody {
    /// From so much silence on it is degraded.
    #[schema(value_type = f64, minimum = 0)]
    degraded_after_seconds: Seconds,
    /// From so much silence on it is offline.
    #[schema(value_type = f64, minimum = 0)]
    offline_after_seconds: Seconds,
    /// So long a source must have listened after deafness or a start before the project falls.
    #[schema(value_type = f64, minimum = 0)]
    chance_seconds: Seconds,
}

/// What a project says of itself.
#[derive(Serialize, ToSchema)]
#[schema(as = Reports)]
struct ReportsBody<'a> {
    /// Whether it says that it is degraded.
    degraded: bool,
    /// Why, in its own words; there may be none.
    #[schema(value_type = Vec<String>)]
    reasons: Vec<&'a str>,
}

impl<'a> From<&'a Explanation> for ExplanationBody<'a> {
    fn from(explanation: &'a Explanation) -> Self {
        let Explanation { state, at, thresholds, sources, last_change } = explanation;
        let reports = &state.project.reports;
        Self {
            slug: state.project.slug.as_str(),
            status: state.project.status.as_str(),
            status_known: state.status_known,
            summary: explanation.summary(),
            at: Stamp(*at),
            last_heartbeat: LastHeartbeatBody::of(&state.project, *at),
            silence: sources.iter().map(SilenceBody::from).collect(),
            thresholds: thresholds.into(),
            reports: ReportsBody {
                degraded: reports.is_degraded(),
                reasons: reports.reasons().collect(),
            },
            last_change: last_change.as_ref().map(ChangeBody::from),
        }
    }
}

impl LastHeartbeatBody {
    fn of(project: &Project, now: OffsetDateTime) -> Option<Self> {
        project.last_heartbeat_at.map(|at| Self {
            at: Stamp(at),
            source: project.last_heartbeat_source.map(|source| source.as_str()),
            seconds_ago: Seconds::between(at, now),
        })
    }
}

impl From<&SourceEvidence> for SilenceBody {
    fn from(evidence: &SourceEvidence) -> Self {
        Self {
            source: evidence.source.as_str(),
            counts: evidence.counts,
            hears: evidence.hears,
            silence_seconds: evidence.silence.map(Seconds),
            deaf_left_out_seconds: evidence.deaf_left_out.map(Seconds),
            listening_since_deafness_seconds: Seconds(evidence.settled),
        }
    }
}

impl From<&Thresholds> for ThresholdsBody {
    fn from(thresholds: &Thresholds) -> Self {
        Self {
            degraded_after_seconds: Seconds(thresholds.degraded_after),
            offline_after_seconds: Seconds(thresholds.offline_after),
            chance_seconds: Seconds(thresholds.chance),
        }
    }
}
