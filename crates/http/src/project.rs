//! A project on the wire.

pub(crate) mod answer;
mod fields;
mod part;
mod write;

use federation_application::ProjectState;
use federation_domain::{FanoutAllowlist, Project, Reports, Tags};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

pub(crate) use self::fields::Fields;
pub(crate) use self::part::ProjectFields;
use crate::stamp::Stamp;

// The keys and their order up to `updated_at` are those of the API that this service took over;
// new keys come after it. What `write.rs` says of it is the same.
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
    /// Its number; never given to another project.
    id: i64,
    /// Its name in URLs and subjects.
    slug: &'a str,
    /// What people call it.
    name: &'a str,
    /// Where it answers: an http or https URL.
    hub_url: &'a str,
    /// Its NATS subject prefix.
    #[schema(required)]
    mesh_namespace: Option<&'a str>,
    /// Whether it is alive.
    #[schema(value_type = StatusSchema)]
    status: &'static str,
    /// Its tags.
    #[schema(value_type = Vec<String>)]
    #[serde(serialize_with = "tags")]
    tags: &'a Tags,
    /// When its newest heartbeat arrived.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_heartbeat_at: Option<Stamp>,
    /// When it was first registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Stamp,
    /// When its registration or its status last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Stamp,
    /// How often it promises a heartbeat; null: as often as the service expects by default.
    #[schema(required)]
    heartbeat_interval_seconds: Option<f64>,
    /// The actions that may be fanned out to it.
    #[schema(value_type = Vec<String>)]
    #[serde(serialize_with = "actions")]
    allow_fanout: &'a FanoutAllowlist,
    /// Why it says that it is degraded, in its own words.
    #[schema(value_type = Vec<String>)]
    #[serde(serialize_with = "reasons")]
    degraded_reasons: &'a Reports,
    /// Whether the status can be relied on: false while the source over which the project was last
    /// heard cannot prove that it hears, or has not listened long enough since it could not. Who is
    /// online and spoke within the degraded threshold is known to be so even then.
    status_known: bool,
}

/// Whether a project is alive.
#[derive(Debug, ToSchema)]
#[schema(as = ProjectStatus)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
pub(crate) enum StatusSchema {
    /// It was heard in time and says that it is well.
    Online,
    /// It is late, or says itself that it is not well.
    Degraded,
    /// It has been silent for too long, or was never heard.
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
            last_heartbeat_at: project.last_heartbeat_at.map(Stamp),
            created_at: Stamp(project.created_at),
            updated_at: Stamp(project.updated_at),
            heartbeat_interval_seconds: project.heartbeat_interval.map(|i| i.as_seconds()),
            allow_fanout: &project.allow_fanout,
            degraded_reasons: &project.reports,
            status_known,
        }
    }
}

impl<'a> From<&'a ProjectState> for ProjectBody<'a> {
    fn from(state: &'a ProjectState) -> Self {
        Self::new(&state.project, state.status_known)
    }
}

/// Appends a project as JSON, as the API shows it, with whether its status is known.
pub fn write_project(project: &Project, status_known: bool, json: &mut Vec<u8>) {
    ProjectBody::new(project, status_known).write(json, Fields::default());
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
