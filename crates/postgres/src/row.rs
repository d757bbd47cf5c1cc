//! Rows as they stand in the tables, and what they mean.

use std::error::Error;

use diesel::data_types::PgTimestamp;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::sql_types::Json;
use federation_domain::{
    Change, ChangeKind, HeartbeatInterval, HubUrl, InvalidValue, MeshNamespace, Project, ProjectId,
    ProjectName, ProjectStatus, Reports, Revision, Slug, Source, StoreError, Tags,
};
use time::{Duration, OffsetDateTime};

use crate::schema::{project_changes, projects, sql_types};

/// A label of the enum `project_status`, not parsed yet: another program may have added one.
#[derive(Debug, Clone, FromSqlRow)]
pub(crate) struct StatusLabel(String);

impl FromSql<sql_types::ProjectStatus, Pg> for StatusLabel {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes())?.to_owned()))
    }
}

impl StatusLabel {
    pub(crate) fn parse(&self) -> Result<ProjectStatus, InvalidValue> {
        ProjectStatus::parse(&self.0)
    }
}

/// A JSON text, not parsed yet: Postgres takes texts that a decoder does not, such as a lone
/// surrogate, and one of them must not spoil the reading of all rows.
#[derive(Debug, Clone, FromSqlRow)]
pub(crate) struct JsonText(String);

impl FromSql<Json, Pg> for JsonText {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes())?.to_owned()))
    }
}

impl JsonText {
    /// The value; its default for JSON's `null`.
    fn parse<T: serde::de::DeserializeOwned + Default>(&self) -> serde_json::Result<T> {
        Ok(serde_json::from_str::<Option<T>>(&self.0)?.unwrap_or_default())
    }
}

/// A row of `projects`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = projects, check_for_backend(Pg))]
pub(crate) struct ProjectRow {
    pub(crate) id: i64,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) hub_url: String,
    pub(crate) mesh_namespace: Option<String>,
    pub(crate) status: StatusLabel,
    pub(crate) tags: Option<JsonText>,
    pub(crate) last_heartbeat_at: Option<PgTimestamp>,
    pub(crate) created_at: PgTimestamp,
    pub(crate) updated_at: PgTimestamp,
    pub(crate) heartbeat_interval_ms: Option<i64>,
    pub(crate) allow_fanout: JsonText,
    pub(crate) last_heartbeat_source: Option<String>,
    pub(crate) reports: Option<JsonText>,
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
        let heard_at = self.last_heartbeat_at.map(time_of).transpose();
        let heard_by = self.last_heartbeat_source.as_deref().map(Source::parse).transpose();
        let interval = self.heartbeat_interval_ms.map(interval_of).transpose();
        let reports = parse_or_default::<Reports>(self.reports.as_ref());
        let tags = parse_or_default::<Tags>(self.tags.as_ref());
        let project = Project {
            id: ProjectId(self.id),
            slug: corrupt.unless("slug", Slug::parse(&self.slug))?,
            name: corrupt.unless("name", ProjectName::parse(&self.name))?,
            hub_url: corrupt.unless("hub_url", HubUrl::parse(&self.hub_url))?,
            mesh_namespace: corrupt.or_default(&mut ignored, "mesh_namespace", namespace),
            status: corrupt.unless("status", self.status.parse())?,
            tags: corrupt.or_default(&mut ignored, "tags", tags),
            last_heartbeat_at: corrupt.unless("last_heartbeat_at", heard_at)?,
            last_heartbeat_source: corrupt.or_default(
                &mut ignored,
                "last_heartbeat_source",
                heard_by,
            ),
            created_at: corrupt.unless("created_at", time_of(self.created_at))?,
            updated_at: corrupt.unless("updated_at", time_of(self.updated_at))?,
            heartbeat_interval: corrupt.or_default(&mut ignored, "heartbeat_interval_ms", interval),
            allow_fanout: corrupt.or_default(
                &mut ignored,
                "allow_fanout",
                self.allow_fanout.parse(),
            ),
            reports: corrupt.or_default(&mut ignored, "reports", reports),
        };
        Ok(Parsed { project, ignored })
    }

    /// The row of the project `slug` with stand-ins for all that would keep it from parsing: this
    /// status, this time, no heartbeat, and a URL that leads nowhere.
    pub(crate) fn with_stand_ins(
        self,
        slug: &Slug,
        status: ProjectStatus,
        at: OffsetDateTime,
    ) -> Self {
        let time = |time| if time_of(time).is_ok() { time } else { timestamp_of(at) };
        let or = |text: String, parses: bool, stand_in: &str| {
            if parses { text } else { stand_in.to_owned() }
        };
        Self {
            name: or(self.name.clone(), ProjectName::parse(&self.name).is_ok(), slug.as_str()),
            hub_url: or(self.hub_url.clone(), HubUrl::parse(&self.hub_url).is_ok(), STAND_IN_URL),
            slug: slug.to_string(),
            status: StatusLabel(or(
                self.status.0.clone(),
                self.status.parse().is_ok(),
                status.as_str(),
            )),
            last_heartbeat_at: self.last_heartbeat_at.filter(|at| time_of(*at).is_ok()),
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
#[diesel(table_name = project_changes, check_for_backend(Pg))]
pub(crate) struct ChangeRow {
    pub(crate) revision: i64,
    pub(crate) slug: String,
    kind: String,
    from_status: Option<StatusLabel>,
    to_status: Option<StatusLabel>,
    at: PgTimestamp,
    cause: JsonText,
}

impl TryFrom<ChangeRow> for Change {
    type Error = StoreError;

    fn try_from(row: ChangeRow) -> Result<Self, StoreError> {
        let corrupt = Corrupt { table: "project_changes", row: row.revision };
        let status = |label: Option<StatusLabel>| label.map(|label| label.parse()).transpose();
        Ok(Self {
            revision: Revision(row.revision),
            slug: corrupt.unless("slug", Slug::parse(&row.slug))?,
            kind: corrupt
                .unless("kind", ChangeKind::from_name(&row.kind).ok_or("there is no such kind"))?,
            from: corrupt.unless("from_status", status(row.from_status))?,
            to: corrupt.unless("to_status", status(row.to_status))?,
            at: corrupt.unless("at", time_of(row.at))?,
            cause: corrupt.unless("cause", serde_json::from_str(&row.cause.0))?,
        })
    }
}

/// Names the row in the error of a value that does not parse.
pub(crate) struct Corrupt {
    pub(crate) table: &'static str,
    pub(crate) row: i64,
}

impl Corrupt {
    pub(crate) fn unless<T, E: Into<Box<dyn Error + Send + Sync>>>(
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

fn parse_or_default<T>(text: Option<&JsonText>) -> serde_json::Result<T>
where
    T: serde::de::DeserializeOwned + Default,
{
    text.map_or_else(|| Ok(T::default()), JsonText::parse)
}

fn interval_of(millis: i64) -> Result<HeartbeatInterval, &'static str> {
    u64::try_from(millis)
        .ok()
        .and_then(HeartbeatInterval::from_millis)
        .ok_or("expected 0.1 s to one day")
}

/// From when Postgres counts.
const EPOCH: OffsetDateTime = time::macros::datetime!(2000-01-01 00:00 UTC);

/// The time of a timestamp; an error for `infinity`.
pub(crate) fn time_of(PgTimestamp(micros): PgTimestamp) -> Result<OffsetDateTime, &'static str> {
    EPOCH.checked_add(Duration::microseconds(micros)).ok_or("the time is out of range")
}

/// The timestamp of a time.
fn timestamp_of(time: OffsetDateTime) -> PgTimestamp {
    PgTimestamp(i64::try_from((time - EPOCH).whole_microseconds()).unwrap_or(0))
}

/// The time as the database keeps it: in UTC, in whole microseconds. Written before it is used, so
/// that what a call answers is what the next one reads.
pub(crate) fn as_kept(time: OffsetDateTime) -> OffsetDateTime {
    let time = time.to_offset(time::UtcOffset::UTC);
    time.replace_nanosecond(time.microsecond() * 1_000).unwrap_or(time)
}
