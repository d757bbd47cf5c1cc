//! Rows of the tables.

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use federation_domain::{Decoded, EntryRecord, PayloadDecoders, ProjectRecord, StoredEntry};
use time::OffsetDateTime;

use crate::schema::{changes, projects};
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
    auto_registered: i64,
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
            status: self.status,
            tags: decode_or_default(self.tags.as_deref()),
            last_heartbeat_at: self.last_heartbeat_at.as_deref().map(decode_time).transpose(),
            created_at: decode_time(&self.created_at),
            updated_at: decode_time(&self.updated_at),
            heartbeat_interval_ms: self.heartbeat_interval_ms,
            allow_fanout: decode_or_default(Some(&self.allow_fanout)),
            last_heartbeat_source: self.last_heartbeat_source,
            reports: decode_or_default(self.reports.as_deref()),
            auto_registered: self.auto_registered != 0,
        }
    }
}

/// A row of `changes`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = changes, check_for_backend(Sqlite))]
pub(crate) struct EntryRow {
    revision: i64,
    at: String,
    entity: String,
    key: String,
    kind: String,
    payload: String,
    actor: String,
}

impl EntryRow {
    /// Decodes the columns into an entry.
    pub(crate) fn into_entry(self) -> StoredEntry {
        let record = EntryRecord {
            revision: self.revision,
            at: decode_time(&self.at),
            entity: self.entity,
            key: self.key,
            kind: self.kind,
            payload: self.payload,
            actor: self.actor,
        };
        record.into_entry(PayloadDecoders {
            change: |payload| serde_json::from_str(payload).ok(),
            step: |payload| serde_json::from_str(payload).ok(),
        })
    }
}

/// Decodes JSON. Returns the default for NULL and for JSON's `null`.
fn decode_or_default<T>(text: Option<&str>) -> Decoded<T>
where
    T: serde::de::DeserializeOwned + Default,
{
    let Some(text) = text else { return Ok(T::default()) };
    Ok(serde_json::from_str::<Option<T>>(text)?.unwrap_or_default())
}

fn decode_time(text: &str) -> Decoded<OffsetDateTime> {
    Ok(time_of(text)?)
}
