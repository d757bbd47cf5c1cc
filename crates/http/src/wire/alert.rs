//! Alerts, the form of incidents in the API.

use federation_domain::{IncidentMember, LiveIncident, LogEntry, OpaqueEntry, Slug};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::timestamp::Timestamp;
use crate::params::alerts::{AlertStatusSchema, SeveritySchema};
use crate::wire::project::body::StatusSchema;

/// Maximum number of affected projects in one alert of a list.
const MAX_AFFECTED: usize = 100;

/// Maximum number of affected projects in a single alert.
const MAX_AFFECTED_OF_ONE: usize = 10_000;

/// An alert: an incident with one cause.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Alert,
    example = json!({
        "id": 1, "project": "db", "severity": "warning", "status": "open", "title": "db is offline",
        "description": "Project db is offline, and no project that it depends on explains it. 1 affected project depends on it: web.",
        "created_at": "2026-11-24T12:01:00.000000Z", "resolved_at": null,
        "affected": [{
            "project": "web", "path": ["web", "db"], "status": "offline",
            "down_since": "2026-11-24T12:00:10.000000Z", "recovered_at": null
        }],
        "affected_count": 1, "kind": "offline", "rule": null, "started_at": "2026-11-24T12:00:00.000000Z",
        "acknowledged_at": null, "acknowledged_by": null, "resolved_by": null, "merged_into": null,
        "silenced": false, "updated_at": "2026-11-24T12:01:00.000000Z",
        "timeline": "/api/fed/alerts/1"
    })
)]
pub(crate) struct AlertBody<'a> {
    /// Number of the alert.
    #[schema(minimum = 1)]
    id: i64,
    /// Slug of the project that is the cause. Null if the alert is about the service itself.
    #[schema(required)]
    project: Option<&'a str>,
    /// Severity. It does not fall while the alert is open.
    #[schema(value_type = SeveritySchema)]
    severity: &'static str,
    /// Status.
    #[schema(value_type = AlertStatusSchema)]
    status: &'static str,
    /// A few words.
    title: String,
    /// The cause in words.
    description: String,
    /// Time at which the alert opened.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Time at which it resolved.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    resolved_at: Option<Timestamp>,
    /// Projects that are affected, at most 100 in a list.
    affected: Vec<AffectedBody<'a>>,
    /// Number of projects that are affected.
    affected_count: usize,
    /// Reason: `degraded`, `offline`, `metric` or `blind`.
    kind: &'static str,
    /// Name of the metric rule that opened the alert, if its kind is `metric`.
    #[schema(required)]
    rule: Option<&'a str>,
    /// Time at which the cause began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Time at which somebody acknowledged the alert.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    acknowledged_at: Option<Timestamp>,
    /// The actor that acknowledged it.
    #[schema(required)]
    acknowledged_by: Option<&'a str>,
    /// The actor that resolved it by hand.
    #[schema(required)]
    resolved_by: Option<&'a str>,
    /// Number of the alert of the same cause that continues instead.
    #[schema(required)]
    merged_into: Option<i64>,
    /// True if the alert was resolved by hand and its cause persists. No other alert opens until its
    /// projects have recovered, or the condition of its rule has stopped holding.
    silenced: bool,
    /// Time of the newest change.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Path of the alert with its timeline.
    timeline: String,
}

/// A project that is affected by the cause of an alert.
#[derive(Serialize, ToSchema)]
#[schema(as = AffectedProject)]
struct AffectedBody<'a> {
    /// Slug of the project.
    project: &'a str,
    /// Slugs along the dependencies from the project to the cause. The middle of a path of more than 20
    /// projects is left out.
    path: Vec<String>,
    /// Status of the project, as the alert knows it.
    #[schema(value_type = StatusSchema)]
    status: &'static str,
    /// Time since which the project has been down.
    #[schema(value_type = String, format = DateTime)]
    down_since: Timestamp,
    /// Time since which it is online again.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    recovered_at: Option<Timestamp>,
}

impl<'a> AlertBody<'a> {
    /// Creates the alert of a list.
    pub(crate) fn listed(one: &'a LiveIncident) -> Self {
        Self::with_affected(one, MAX_AFFECTED)
    }

    fn with_affected(one: &'a LiveIncident, limit: usize) -> Self {
        let incident = &one.incident;
        let root = incident.root.as_ref();
        let affected = || one.current().filter(|member| Some(&member.project) != root);
        let acknowledged = incident.acknowledged.as_ref();
        Self {
            id: incident.id.0,
            project: root.map(Slug::as_str),
            severity: incident.severity.as_str(),
            status: incident.status.as_str(),
            title: incident.title(),
            description: one.description(),
            created_at: Timestamp(incident.opened_at),
            resolved_at: incident.resolved_at.map(Timestamp),
            affected: affected().take(limit).map(|member| AffectedBody::of(one, member)).collect(),
            affected_count: affected().count(),
            kind: incident.kind.as_str(),
            rule: incident.rule.as_deref(),
            started_at: Timestamp(incident.started_at),
            acknowledged_at: acknowledged.map(|(_, at)| Timestamp(*at)),
            acknowledged_by: acknowledged.map(|(by, _)| by.as_str()),
            resolved_by: incident.resolved_by.as_ref().map(|by| by.as_str()),
            merged_into: incident.merged_into.map(|id| id.0),
            silenced: incident.silences,
            updated_at: Timestamp(incident.updated_at),
            timeline: format!("/api/fed/alerts/{}", incident.id),
        }
    }
}

impl<'a> AffectedBody<'a> {
    fn of(one: &LiveIncident, member: &'a IncidentMember) -> Self {
        let path = one.path(&member.project);
        Self {
            project: member.project.as_str(),
            path: path.iter().map(|slug| slug.as_str().to_owned()).collect(),
            status: member.status.as_str(),
            down_since: Timestamp(member.down_since),
            recovered_at: member.recovered_at.map(Timestamp),
        }
    }
}

/// An alert with its timeline.
#[derive(Serialize, ToSchema)]
#[schema(
    as = AlertWithTimeline,
    example = json!({
        "id": 1, "project": "db", "severity": "warning", "status": "open", "title": "db is offline",
        "description": "Project db is offline, and no project that it depends on explains it. 1 affected project depends on it: web.",
        "created_at": "2026-11-24T12:01:00.000000Z", "resolved_at": null,
        "affected": [{
            "project": "web", "path": ["web", "db"], "status": "offline",
            "down_since": "2026-11-24T12:00:10.000000Z", "recovered_at": null
        }],
        "affected_count": 1, "kind": "offline", "rule": null, "started_at": "2026-11-24T12:00:00.000000Z",
        "acknowledged_at": null, "acknowledged_by": null, "resolved_by": null, "merged_into": null,
        "silenced": false, "updated_at": "2026-11-24T12:01:00.000000Z",
        "timeline": "/api/fed/alerts/1",
        "events": [{
            "revision": 18, "at": "2026-11-24T12:01:00.000000Z", "kind": "affected", "actor": "service",
            "details": {"count": 1, "projects": [{"project": "web", "via": "db", "status": "offline"}]}
        }]
    })
)]
pub(crate) struct AlertDetailBody<'a> {
    #[serde(flatten)]
    alert: AlertBody<'a>,
    /// What happened, in order. At most the newest 500 events.
    events: Vec<AlertEventBody<'a>>,
}

/// An event in the timeline of an alert.
#[derive(Serialize, ToSchema)]
#[schema(
    as = AlertEvent,
    example = json!({
        "revision": 18, "at": "2026-11-24T12:01:00.000000Z", "kind": "affected", "actor": "service",
        "details": {"count": 1, "projects": [{"project": "web", "via": "db", "status": "offline"}]}
    })
)]
struct AlertEventBody<'a> {
    /// Position in the change log.
    #[schema(minimum = 1)]
    revision: i64,
    /// Time of the event.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Kind of the event, such as `opened`, `affected`, `recovered`, `left`, `root_changed`, `merged`,
    /// `escalated`, `rule_changed`, `rule_removed`, `metric_gone`, `acknowledged`, `commented` or
    /// `resolved`.
    kind: &'a str,
    /// The actor: the id of an API key, `api` or `service`.
    actor: &'a str,
    /// The alert after the event, and for some kinds more: the projects concerned, with the next
    /// project towards the cause; the former cause; the comment.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    details: Option<&'a RawValue>,
}

impl<'a> AlertDetailBody<'a> {
    /// Creates the alert with its timeline. `entries` has the newest entry first.
    pub(crate) fn new(one: &'a LiveIncident, entries: &'a [LogEntry]) -> Self {
        let opaque = entries.iter().rev().filter_map(|entry| match entry {
            LogEntry::Opaque(entry) => Some(entry),
            LogEntry::Change(_) => None,
        });
        let alert = AlertBody::with_affected(one, MAX_AFFECTED_OF_ONE);
        Self { alert, events: opaque.map(AlertEventBody::from).collect() }
    }
}

impl<'a> From<&'a OpaqueEntry> for AlertEventBody<'a> {
    fn from(entry: &'a OpaqueEntry) -> Self {
        Self {
            revision: entry.revision.0,
            at: Timestamp(entry.at),
            kind: &entry.kind,
            actor: entry.actor.as_str(),
            // The stores keep only valid JSON.
            details: serde_json::from_str(&entry.payload).ok(),
        }
    }
}
