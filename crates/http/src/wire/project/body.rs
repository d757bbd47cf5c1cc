//! The JSON form of a project.

use federation_application::ProjectState;
use federation_domain::{FanoutAllowlist, Project, Reports, Tags};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::wire::timestamp::Timestamp;

// The keys up to `updated_at`, and their order, are those of the predecessor API. New keys follow
// them. `write.rs` produces the same JSON.
/// A project of the catalog.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Project,
    example = json!({
        "id": 1,
        "slug": "commandcenter",
        "name": "CommandCenter",
        "hub_url": "http://localhost:8000",
        "mesh_namespace": "hub.commandcenter",
        "status": "online",
        "tags": ["python", "fastapi", "rag"],
        "last_heartbeat_at": "2026-11-23T14:41:43.018273Z",
        "created_at": "2026-11-23T14:41:13.511326Z",
        "updated_at": "2026-11-23T14:41:14.020911Z",
        "heartbeat_interval_seconds": null,
        "allow_fanout": [],
        "degraded_reasons": [],
        "status_known": true
    })
)]
pub(crate) struct ProjectBody<'a> {
    /// Numeric id. Never reused for another project.
    pub(super) id: i64,
    /// Name of the project in URLs and NATS subjects.
    pub(super) slug: &'a str,
    /// Display name.
    pub(super) name: &'a str,
    /// URL of the project, http or https.
    pub(super) hub_url: &'a str,
    /// NATS subject prefix of the project.
    #[schema(required)]
    pub(super) mesh_namespace: Option<&'a str>,
    /// The liveness status.
    #[schema(value_type = StatusSchema)]
    pub(super) status: &'static str,
    /// Tags of the project.
    #[schema(value_type = Vec<String>)]
    #[serde(serialize_with = "tags")]
    pub(super) tags: &'a Tags,
    /// Time at which the newest heartbeat arrived.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub(super) last_heartbeat_at: Option<Timestamp>,
    /// Time of the first registration.
    #[schema(value_type = String, format = DateTime)]
    pub(super) created_at: Timestamp,
    /// Time at which the registration or the status last changed.
    #[schema(value_type = String, format = DateTime)]
    pub(super) updated_at: Timestamp,
    /// Interval between heartbeats. If null, the default of the service applies.
    #[schema(required)]
    pub(super) heartbeat_interval_seconds: Option<f64>,
    /// Actions that may be fanned out to the project.
    #[schema(value_type = Vec<String>)]
    #[serde(serialize_with = "actions")]
    pub(super) allow_fanout: &'a FanoutAllowlist,
    /// Reasons for which the project reports itself degraded.
    #[schema(value_type = Vec<String>)]
    #[serde(serialize_with = "reasons")]
    pub(super) degraded_reasons: &'a Reports,
    /// True if the status is known to be correct. It is false while the transport over which the
    /// project was last heard cannot prove that it receives heartbeats, and until it has listened
    /// long enough afterwards. A project that is online and was heard within the degraded threshold
    /// has a known status even then.
    pub(super) status_known: bool,
    /// True while the project changes its status so often that its changes are merged in the log.
    /// The log and the stored row then lag by up to 10 s. Absent otherwise, and in lists.
    #[schema(required = false, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flapping: Option<bool>,
}

/// The liveness status of a project.
#[derive(Debug, ToSchema)]
#[schema(as = ProjectStatus)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
pub(crate) enum StatusSchema {
    /// Heartbeats arrive in time, and the project reports itself healthy.
    Online,
    /// Heartbeats are late, or the project reports itself degraded.
    Degraded,
    /// No heartbeat has arrived for too long, or ever.
    Offline,
}

impl<'a> ProjectBody<'a> {
    pub(crate) fn new(project: &'a Project, status_known: bool) -> Self {
        Self {
            id: project.id.0,
            slug: project.slug.as_str(),
            name: project.name.as_str(),
            hub_url: project.hub_url.as_str(),
            mesh_namespace: project.mesh_namespace.as_ref().map(AsRef::as_ref),
            status: project.status.as_str(),
            tags: &project.tags,
            last_heartbeat_at: project.last_heartbeat_at.map(Timestamp),
            created_at: Timestamp(project.created_at),
            updated_at: Timestamp(project.updated_at),
            heartbeat_interval_seconds: project.heartbeat_interval.map(|i| i.as_seconds()),
            allow_fanout: &project.allow_fanout,
            degraded_reasons: &project.reports,
            status_known,
            flapping: None,
        }
    }
}

impl<'a> From<&'a ProjectState> for ProjectBody<'a> {
    fn from(state: &'a ProjectState) -> Self {
        let flapping = state.flapping.then_some(true);
        Self { flapping, ..Self::new(&state.project, state.status_known) }
    }
}

fn tags<S: Serializer>(tags: &&Tags, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tags.iter())
}

fn actions<S: Serializer>(allowed: &&FanoutAllowlist, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(allowed.iter())
}

fn reasons<S: Serializer>(reports: &&Reports, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(reports.reasons())
}
