//! The explanation of a project's status.

use federation_application::{Explanation, SourceEvidence};
use federation_domain::{LiveIncident, Project, Slug, Thresholds};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::wire::change::SourceSchema;
use crate::wire::entry::HistoryEntryBody;
use crate::wire::project::body::StatusSchema;
use crate::wire::timestamp::{Seconds, Timestamp};

/// The explanation of a project's status.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Explanation,
    example = json!({
        "slug": "commandcenter",
        "status": "offline",
        "status_known": true,
        "summary": "offline: 94.2 s of silence over nats, not counting 31.0 s without hearing (offline after 90 s)",
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
            "because": "no heartbeat for 90 s, not counting 31.2 s of interruptions",
            "actor": "service"
        },
        "flapping": false,
        "dependencies_down": ["veria"],
        "alert": {"id": 7, "title": "veria is offline", "project": "veria", "path": ["commandcenter", "veria"]}
    })
)]
pub(crate) struct ExplanationBody<'a> {
    /// The slug of the project.
    slug: &'a str,
    /// The liveness status.
    #[schema(value_type = StatusSchema)]
    status: &'static str,
    /// True if the status is known to be correct.
    status_known: bool,
    /// The explanation as text. The wording may differ between versions.
    summary: String,
    /// Time of the explanation, by the clock of the service.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The newest heartbeat. Null if there never was one.
    #[schema(required)]
    last_heartbeat: Option<LastHeartbeatBody>,
    /// Silence of the project on each transport in use. Its status falls only if it is silent on
    /// all that count.
    silence: Vec<SilenceBody>,
    /// Durations of silence after which the status falls.
    thresholds: ThresholdsBody,
    /// Health reported by the project.
    reports: ReportsBody<'a>,
    /// The newest change in the log. Null while the store is not available.
    #[schema(required)]
    last_change: Option<HistoryEntryBody<'a>>,
    /// True while the project changes its status so often that its changes are merged in the log.
    /// The log and the stored row then lag by up to 10 s.
    flapping: bool,
    /// Slugs of projects that it needs, directly or through others, and that are known to be offline
    /// or degraded. The nearest come first, at most 20.
    dependencies_down: Vec<&'a str>,
    /// The open alert that the project belongs to.
    #[schema(required)]
    alert: Option<AlertReferenceBody<'a>>,
}

/// The alert that a project belongs to.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertReference)]
struct AlertReferenceBody<'a> {
    /// Number of the alert.
    #[schema(minimum = 1)]
    id: i64,
    /// A few words.
    title: String,
    /// Slug of the project that is the cause. Null if the alert is about the service itself.
    #[schema(required)]
    project: Option<&'a str>,
    /// Slugs along the dependencies from this project to the cause.
    path: Vec<String>,
}

impl<'a> AlertReferenceBody<'a> {
    fn of(one: &'a LiveIncident, slug: &Slug) -> Self {
        Self {
            id: one.incident.id.0,
            title: one.incident.title(),
            project: one.incident.root.as_ref().map(Slug::as_str),
            path: one.path(slug).iter().map(|slug| slug.as_str().to_owned()).collect(),
        }
    }
}

/// The newest heartbeat of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = LastHeartbeat)]
struct LastHeartbeatBody {
    /// Time of arrival.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The transport of the heartbeat. Null if not known.
    #[schema(value_type = Option<SourceSchema>, required)]
    source: Option<&'static str>,
    /// Age by the wall clock, including time when the service could not listen.
    #[schema(value_type = f64, minimum = 0)]
    seconds_ago: Seconds,
}

/// Silence of a project on one transport.
#[derive(Serialize, ToSchema)]
#[schema(as = Silence)]
struct SilenceBody {
    /// The transport.
    #[schema(value_type = SourceSchema)]
    source: &'static str,
    /// True if this transport counts for the status of the project.
    counts: bool,
    /// True if the transport currently proves that it receives heartbeats.
    hears: bool,
    /// Time for which the transport listened without hearing the project. Null if it never heard
    /// it.
    #[schema(value_type = Option<f64>, minimum = 0, required)]
    silence_seconds: Option<Seconds>,
    /// Time since the newest heartbeat when the transport could not listen. Not part of the
    /// silence. Null if that heartbeat arrived over another transport.
    #[schema(value_type = Option<f64>, minimum = 0, required)]
    deaf_left_out_seconds: Option<Seconds>,
    /// Time for which the transport has listened without interruption.
    #[schema(value_type = f64, minimum = 0)]
    listening_since_deafness_seconds: Seconds,
}

/// Durations of silence after which the status of a project falls.
#[derive(Serialize, ToSchema)]
#[schema(as = Thresholds)]
struct ThresholdsBody {
    /// Silence after which the project is degraded.
    #[schema(value_type = f64, minimum = 0)]
    degraded_after_seconds: Seconds,
    /// Silence after which the project is offline.
    #[schema(value_type = f64, minimum = 0)]
    offline_after_seconds: Seconds,
    /// Time for which a transport must have listened without interruption before the status falls.
    #[schema(value_type = f64, minimum = 0)]
    chance_seconds: Seconds,
}

/// Health reported by a project.
#[derive(Serialize, ToSchema)]
#[schema(as = Reports)]
struct ReportsBody<'a> {
    /// True if the project reports itself degraded.
    degraded: bool,
    /// The reasons given by the project, possibly none.
    #[schema(value_type = Vec<String>)]
    reasons: Vec<&'a str>,
}

impl<'a> ExplanationBody<'a> {
    pub(crate) fn new(
        explanation: &'a Explanation,
        down: &'a [Slug],
        alert: Option<&'a LiveIncident>,
    ) -> Self {
        let slug = &explanation.state.project.slug;
        let Explanation { state, at, thresholds, sources, last_change } = explanation;
        let reports = &state.project.reports;
        Self {
            slug: state.project.slug.as_str(),
            status: state.project.status.as_str(),
            status_known: state.status_known,
            summary: explanation.summary(),
            at: Timestamp(*at),
            last_heartbeat: LastHeartbeatBody::of(&state.project, *at),
            silence: sources.iter().map(SilenceBody::from).collect(),
            thresholds: thresholds.into(),
            reports: ReportsBody {
                degraded: reports.is_degraded(),
                reasons: reports.reasons().collect(),
            },
            last_change: last_change.as_ref().map(HistoryEntryBody::from),
            flapping: state.flapping,
            dependencies_down: down.iter().map(Slug::as_str).collect(),
            alert: alert.map(|one| AlertReferenceBody::of(one, slug)),
        }
    }
}

impl LastHeartbeatBody {
    fn of(project: &Project, now: OffsetDateTime) -> Option<Self> {
        project.last_heartbeat_at.map(|at| Self {
            at: Timestamp(at),
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
