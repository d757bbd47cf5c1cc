//! Rows of the tables.

use diesel::data_types::PgTimestamp;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::sql_types::Json;
use federation_domain::{
    Decoded, EntryRecord, InvalidValue, PayloadDecoders, ProjectRecord, ProjectStatus, StoredEntry,
};
use time::{Duration, OffsetDateTime};

use crate::schema::{changes, projects, sql_types};

/// A label of the enum `project_status`, not parsed: another program may have added one.
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

/// A JSON text, not parsed. Postgres accepts texts that the decoder rejects, such as a lone
/// surrogate, and one such text must not fail the query for all rows.
#[derive(Debug, Clone, FromSqlRow)]
pub(crate) struct JsonText(String);

impl JsonText {
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl FromSql<Json, Pg> for JsonText {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes())?.to_owned()))
    }
}

/// A row of `projects`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = projects, check_for_backend(Pg))]
pub(crate) struct ProjectRow {
    pub(crate) id: i64,
    pub(crate) slug: String,
    name: String,
    hub_url: String,
    mesh_namespace: Option<String>,
    status: StatusLabel,
    tags: Option<JsonText>,
    last_heartbeat_at: Option<PgTimestamp>,
    created_at: PgTimestamp,
    updated_at: PgTimestamp,
    heartbeat_interval_ms: Option<i64>,
    allow_fanout: JsonText,
    last_heartbeat_source: Option<String>,
    reports: Option<JsonText>,
    auto_registered: bool,
}

impl ProjectRow {
    /// Decodes the timestamps and JSON columns.
    pub(crate) fn into_record(self) -> ProjectRecord {
        ProjectRecord {
            id: self.id,
            slug: self.slug,
            name: self.name,
            hub_url: self.hub_url,
            mesh_namespace: self.mesh_namespace,
            status: self.status.0,
            tags: decode_or_default(self.tags.as_ref()),
            last_heartbeat_at: self.last_heartbeat_at.map(decode_time).transpose(),
            created_at: decode_time(self.created_at),
            updated_at: decode_time(self.updated_at),
            heartbeat_interval_ms: self.heartbeat_interval_ms,
            allow_fanout: decode_or_default(Some(&self.allow_fanout)),
            last_heartbeat_source: self.last_heartbeat_source,
            reports: decode_or_default(self.reports.as_ref()),
            auto_registered: self.auto_registered,
        }
    }
}

/// A row of `changes`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = changes, check_for_backend(Pg))]
pub(crate) struct EntryRow {
    revision: i64,
    at: PgTimestamp,
    entity: String,
    key: String,
    kind: String,
    payload: JsonText,
    actor: String,
}

impl EntryRow {
    /// Decodes the columns into an entry.
    pub(crate) fn into_entry(self) -> StoredEntry {
        let record = EntryRecord {
            revision: self.revision,
            at: decode_time(self.at),
            entity: self.entity,
            key: self.key,
            kind: self.kind,
            payload: self.payload.0,
            actor: self.actor,
        };
        record.into_entry(PayloadDecoders {
            change: |payload| serde_json::from_str(payload).ok(),
            step: |payload| serde_json::from_str(payload).ok(),
        })
    }
}

/// Decodes JSON. Returns the default for NULL and for JSON's `null`.
fn decode_or_default<T>(text: Option<&JsonText>) -> Decoded<T>
where
    T: serde::de::DeserializeOwned + Default,
{
    let Some(JsonText(text)) = text else { return Ok(T::default()) };
    Ok(serde_json::from_str::<Option<T>>(text)?.unwrap_or_default())
}

fn decode_time(timestamp: PgTimestamp) -> Decoded<OffsetDateTime> {
    Ok(time_of(timestamp)?)
}

/// Origin of the timestamps of Postgres.
const EPOCH: OffsetDateTime = time::macros::datetime!(2000-01-01 00:00 UTC);

/// Converts a timestamp. Returns an error for `infinity`.
pub(crate) fn time_of(PgTimestamp(micros): PgTimestamp) -> Result<OffsetDateTime, &'static str> {
    EPOCH.checked_add(Duration::microseconds(micros)).ok_or("the time is out of range")
}
