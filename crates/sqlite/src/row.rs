//! Rows as they stand in the tables, and what they mean.

use std::error::Error;

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use federation_domain::{
    Change, ChangeKind, FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, Project,
    ProjectId, ProjectName, ProjectStatus, Registration, Reports, Revision, Slug, Source,
    StoreError, Transition,
};

use crate::schema::{project_changes, projects};
use crate::timestamp::time_of;

/// A row of `projects`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = projects, check_for_backend(Sqlite))]
pub(crate) struct ProjectRow {
    id: i64,
    slug: String,
    name: String,
    hub_url: String,
    mesh_namespace: Option<String>,
    status: String,
    tags: Option<String>,
    last_heartbeat_at: Option<String>,
    created_at: String,
    updated_at: String,
    heartbeat_interval_ms: Option<i64>,
    allow_fanout: String,
    last_heartbeat_source: Option<String>,
    reports: Option<String>,
}

impl TryFrom<ProjectRow> for Project {
    type Error = StoreError;

    fn try_from(row: ProjectRow) -> Result<Self, StoreError> {
        let corrupt = Corrupt { table: "projects", row: row.id };
        Ok(Self {
            id: ProjectId(row.id),
            slug: corrupt.unless("slug", Slug::parse(&row.slug))?,
            name: corrupt.unless("name", ProjectName::parse(&row.name))?,
            hub_url: corrupt.unless("hub_url", HubUrl::parse(&row.hub_url))?,
            mesh_namespace: corrupt.unless(
                "mesh_namespace",
                row.mesh_namespace.as_deref().map(MeshNamespace::parse).transpose(),
            )?,
            status: corrupt.unless("status", ProjectStatus::parse(&row.status))?,
            tags: corrupt.unless("tags", json_or_default(row.tags.as_deref()))?,
            last_heartbeat_at: corrupt.unless(
                "last_heartbeat_at",
                row.last_heartbeat_at.as_deref().map(time_of).transpose(),
            )?,
            last_heartbeat_source: corrupt.unless(
                "last_heartbeat_source",
                row.last_heartbeat_source.as_deref().map(Source::parse).transpose(),
            )?,
            created_at: corrupt.unless("created_at", time_of(&row.created_at))?,
            updated_at: corrupt.unless("updated_at", time_of(&row.updated_at))?,
            heartbeat_interval: corrupt.unless(
                "heartbeat_interval_ms",
                row.heartbeat_interval_ms.map(interval_of).transpose(),
            )?,
            allow_fanout: corrupt.unless(
                "allow_fanout",
                json_or_default::<FanoutAllowlist>(Some(&row.allow_fanout)),
            )?,
            reports: corrupt.unless("reports", json_or_default(row.reports.as_deref()))?,
        })
    }
}

impl ProjectRow {
    /// The row with what the registration replaces made harmless, so that only what it does not
    /// replace can be corrupt.
    pub(crate) fn without(mut self, registration: &Registration) -> Self {
        self.name = registration.name.to_string();
        self.hub_url = registration.hub_url.to_string();
        self.mesh_namespace = None;
        self.tags = None;
        if registration.heartbeat_interval.is_some() {
            self.heartbeat_interval_ms = None;
        }
        if registration.allow_fanout.is_some() {
            self.allow_fanout = "null".to_owned();
        }
        self
    }

    /// The row as a commit sees it where it does not parse. What a commit neither compares nor
    /// writes is a stand-in; a value that it does, but cannot read, objects to nothing.
    pub(crate) fn for_commit(self, transition: &Transition) -> Self {
        let slug = transition.slug.to_string();
        let status = match ProjectStatus::parse(&self.status) {
            Ok(_) => self.status,
            Err(_) => transition.from.as_str().to_owned(),
        };
        Self {
            id: self.id,
            name: slug.clone(),
            slug,
            hub_url: STAND_IN_URL.to_owned(),
            mesh_namespace: None,
            status,
            tags: None,
            last_heartbeat_at: self.last_heartbeat_at.filter(|at| time_of(at).is_ok()),
            created_at: EPOCH.to_owned(),
            updated_at: Some(self.updated_at)
                .filter(|at| time_of(at).is_ok())
                .unwrap_or_else(|| EPOCH.to_owned()),
            heartbeat_interval_ms: None,
            allow_fanout: "null".to_owned(),
            last_heartbeat_source: self
                .last_heartbeat_source
                .filter(|source| Source::parse(source).is_ok()),
            reports: self.reports.filter(|text| json_or_default::<Reports>(Some(text)).is_ok()),
        }
    }
}

/// The URL where the stored one may not parse; no host can have this name (RFC 2606).
const STAND_IN_URL: &str = "http://unreadable.invalid";

/// The time where the stored one may not parse.
const EPOCH: &str = "2000-01-01T00:00:00.000000Z";

/// A row of `project_changes`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = project_changes, check_for_backend(Sqlite))]
pub(crate) struct ChangeRow {
    revision: i64,
    slug: String,
    kind: String,
    from_status: Option<String>,
    to_status: Option<String>,
    at: String,
    cause: String,
}

impl TryFrom<ChangeRow> for Change {
    type Error = StoreError;

    fn try_from(row: ChangeRow) -> Result<Self, StoreError> {
        let corrupt = Corrupt { table: "project_changes", row: row.revision };
        let status = |name: Option<String>| name.as_deref().map(ProjectStatus::parse).transpose();
        Ok(Self {
            revision: Revision(row.revision),
            slug: corrupt.unless("slug", Slug::parse(&row.slug))?,
            kind: corrupt
                .unless("kind", ChangeKind::from_name(&row.kind).ok_or("there is no such kind"))?,
            from: corrupt.unless("from_status", status(row.from_status))?,
            to: corrupt.unless("to_status", status(row.to_status))?,
            at: corrupt.unless("at", time_of(&row.at))?,
            cause: corrupt.unless("cause", serde_json::from_str(&row.cause))?,
        })
    }
}

/// Names the row in the error of a value that does not parse.
struct Corrupt {
    table: &'static str,
    row: i64,
}

impl Corrupt {
    fn unless<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        column: &'static str,
        parsed: Result<T, E>,
    ) -> Result<T, StoreError> {
        parsed.map_err(|fault| StoreError::Corrupt {
            table: self.table,
            column,
            row: self.row,
            source: fault.into(),
        })
    }
}

/// The value; its default for NULL and for JSON's `null`.
fn json_or_default<T>(text: Option<&str>) -> serde_json::Result<T>
where
    T: serde::de::DeserializeOwned + Default,
{
    let value = text.map(serde_json::from_str::<Option<T>>).transpose()?;
    Ok(value.flatten().unwrap_or_default())
}

fn interval_of(millis: i64) -> Result<HeartbeatInterval, &'static str> {
    u64::try_from(millis)
        .ok()
        .and_then(HeartbeatInterval::from_millis)
        .ok_or("0.1 s to one day are allowed")
}
