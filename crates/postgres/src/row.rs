//! Rows as they stand in the tables, and what they mean.

use std::error::Error;

use diesel::data_types::PgTimestamp;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::sql_types::Json;
use federation_domain::{
    Change, ChangeKind, HeartbeatInterval, HubUrl, InvalidValue, MeshNamespace, Project, ProjectId,
    ProjectName, ProjectStatus, Registration, Reports, Revision, Slug, Source, StoreError,
    Transition,
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
            status: corrupt.unless("status", row.status.parse())?,
            tags: corrupt.unless("tags", parse_or_default(row.tags.as_ref()))?,
            last_heartbeat_at: corrupt
                .unless("last_heartbeat_at", row.last_heartbeat_at.map(time_of).transpose())?,
            last_heartbeat_source: corrupt.unless(
                "last_heartbeat_source",
                row.last_heartbeat_source.as_deref().map(Source::parse).transpose(),
            )?,
            created_at: corrupt.unless("created_at", time_of(row.created_at))?,
            updated_at: corrupt.unless("updated_at", time_of(row.updated_at))?,
            heartbeat_interval: corrupt.unless(
                "heartbeat_interval_ms",
                row.heartbeat_interval_ms.map(interval_of).transpose(),
            )?,
            allow_fanout: corrupt.unless("allow_fanout", row.allow_fanout.parse())?,
            reports: corrupt
                .unless("reports", parse_or_default::<Reports>(row.reports.as_ref()))?,
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
            self.allow_fanout = JsonText("null".to_owned());
        }
        self
    }

    /// The row as a commit sees it where it does not parse. What a commit neither compares nor
    /// writes is a stand-in; a value that it does, but cannot read, objects to nothing.
    pub(crate) fn for_commit(self, transition: &Transition) -> Self {
        let slug = transition.slug.to_string();
        let status = match self.status.parse() {
            Ok(_) => self.status,
            Err(_) => StatusLabel(transition.from.as_str().to_owned()),
        };
        Self {
            id: self.id,
            name: slug.clone(),
            slug,
            hub_url: STAND_IN_URL.to_owned(),
            mesh_namespace: None,
            status,
            tags: None,
            last_heartbeat_at: self.last_heartbeat_at.filter(|at| time_of(*at).is_ok()),
            created_at: EPOCH,
            updated_at: Some(self.updated_at).filter(|at| time_of(*at).is_ok()).unwrap_or(EPOCH),
            heartbeat_interval_ms: None,
            allow_fanout: JsonText("null".to_owned()),
            last_heartbeat_source: self
                .last_heartbeat_source
                .filter(|source| Source::parse(source).is_ok()),
            reports: self.reports.filter(|text| text.parse::<Reports>().is_ok()),
        }
    }
}

/// The URL where the stored one may not parse; no host can have this name (RFC 2606).
const STAND_IN_URL: &str = "http://unreadable.invalid";

/// The time where the stored one may not parse: the year 2000.
const EPOCH: PgTimestamp = PgTimestamp(0);

/// A row of `project_changes`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = project_changes, check_for_backend(Pg))]
pub(crate) struct ChangeRow {
    revision: i64,
    slug: String,
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
        .ok_or("0.1 s to one day are allowed")
}

/// The time of a timestamp, which Postgres counts from the year 2000; an error for `infinity`.
pub(crate) fn time_of(PgTimestamp(micros): PgTimestamp) -> Result<OffsetDateTime, &'static str> {
    const EPOCH: OffsetDateTime = time::macros::datetime!(2000-01-01 00:00 UTC);
    EPOCH.checked_add(Duration::microseconds(micros)).ok_or("the time is out of range")
}

/// The time as the database keeps it: in UTC, in whole microseconds. Written before it is used, so
/// that what a call answers is what the next one reads.
pub(crate) fn as_kept(time: OffsetDateTime) -> OffsetDateTime {
    let time = time.to_offset(time::UtcOffset::UTC);
    time.replace_nanosecond(time.microsecond() * 1_000).unwrap_or(time)
}
