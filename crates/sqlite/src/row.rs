//! Rows as they stand in the tables, and what they mean.

use std::error::Error;

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use federation_domain::{
    Change, ChangeKind, FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, Project,
    ProjectId, ProjectName, ProjectStatus, Reports, Revision, Slug, Source, StoreError, Tags,
};

use crate::schema::{project_changes, projects};
use crate::timestamp::time_of;

/// A row of `projects`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = projects, check_for_backend(Sqlite))]
pub(crate) struct ProjectRow {
    pub(crate) id: i64,
    slug: String,
    name: String,
    hub_url: String,
    mesh_namespace: Option<String>,
    pub(crate) status: String,
    tags: Option<String>,
    last_heartbeat_at: Option<String>,
    created_at: String,
    updated_at: String,
    heartbeat_interval_ms: Option<i64>,
    allow_fanout: String,
    last_heartbeat_source: Option<String>,
    reports: Option<String>,
}

/// A project as its row tells it.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) project: Project,
    /// The values that do not parse and that the project can do without, each as an error that
    /// names its column. A row of the Python service may hold tags that this version refuses.
    pub(crate) ignored: Vec<StoreError>,
}

impl ProjectRow {
    /// Reads the row. What a project can do without reads as absent or empty where it does not
    /// parse.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a value that a project cannot do without.
    pub(crate) fn parse(self) -> Result<Parsed, StoreError> {
        let corrupt = Corrupt { table: "projects", row: self.id };
        let mut ignored = Vec::new();
        let namespace = self.mesh_namespace.as_deref().map(MeshNamespace::parse).transpose();
        let heard_at = self.last_heartbeat_at.as_deref().map(time_of).transpose();
        let heard_by = self.last_heartbeat_source.as_deref().map(Source::parse).transpose();
        let interval = self.heartbeat_interval_ms.map(interval_of).transpose();
        let fanout = json_or_default::<FanoutAllowlist>(Some(&self.allow_fanout));
        let reports = json_or_default::<Reports>(self.reports.as_deref());
        let tags = json_or_default::<Tags>(self.tags.as_deref());
        let project = Project {
            id: ProjectId(self.id),
            slug: corrupt.unless("slug", Slug::parse(&self.slug))?,
            name: corrupt.unless("name", ProjectName::parse(&self.name))?,
            hub_url: corrupt.unless("hub_url", HubUrl::parse(&self.hub_url))?,
            mesh_namespace: corrupt.or_default(&mut ignored, "mesh_namespace", namespace),
            status: corrupt.unless("status", ProjectStatus::parse(&self.status))?,
            tags: corrupt.or_default(&mut ignored, "tags", tags),
            last_heartbeat_at: corrupt.unless("last_heartbeat_at", heard_at)?,
            last_heartbeat_source: corrupt.or_default(
                &mut ignored,
                "last_heartbeat_source",
                heard_by,
            ),
            created_at: corrupt.unless("created_at", time_of(&self.created_at))?,
            updated_at: corrupt.unless("updated_at", time_of(&self.updated_at))?,
            heartbeat_interval: corrupt.or_default(&mut ignored, "heartbeat_interval_ms", interval),
            allow_fanout: corrupt.or_default(&mut ignored, "allow_fanout", fanout),
            reports: corrupt.or_default(&mut ignored, "reports", reports),
        };
        Ok(Parsed { project, ignored })
    }

    /// The row of the project `slug` with stand-ins for all that would keep it from parsing: this
    /// status, this time, no heartbeat, and a URL that leads nowhere.
    pub(crate) fn with_stand_ins(self, slug: &Slug, status: ProjectStatus, at: &str) -> Self {
        let time = |text: String| if time_of(&text).is_ok() { text } else { at.to_owned() };
        let or = |text: String, parses: bool, stand_in: &str| {
            if parses { text } else { stand_in.to_owned() }
        };
        Self {
            name: or(self.name.clone(), ProjectName::parse(&self.name).is_ok(), slug.as_str()),
            hub_url: or(self.hub_url.clone(), HubUrl::parse(&self.hub_url).is_ok(), STAND_IN_URL),
            slug: slug.to_string(),
            status: or(
                self.status.clone(),
                ProjectStatus::parse(&self.status).is_ok(),
                status.as_str(),
            ),
            last_heartbeat_at: self.last_heartbeat_at.filter(|at| time_of(at).is_ok()),
            created_at: time(self.created_at),
            updated_at: time(self.updated_at),
            ..self
        }
    }
}

/// The URL where the stored one may not parse; no host can have this name (RFC 2606).
const STAND_IN_URL: &str = "http://unreadable.invalid";

/// A row of `project_changes`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = project_changes, check_for_backend(Sqlite))]
pub(crate) struct ChangeRow {
    pub(crate) revision: i64,
    pub(crate) slug: String,
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

    /// The value, or its default where it does not parse, which is then noted.
    fn or_default<T: Default, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        ignored: &mut Vec<StoreError>,
        column: &'static str,
        parsed: Result<T, E>,
    ) -> T {
        self.unless(column, parsed).unwrap_or_else(|fault| {
            ignored.push(fault);
            T::default()
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
        .ok_or("expected 0.1 s to one day")
}
