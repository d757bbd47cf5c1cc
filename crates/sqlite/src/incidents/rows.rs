//! Rows of incidents and of their members.

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use federation_domain::{
    Actor, Decoded, Incident, IncidentId, IncidentMember, IncidentMemberRecord, IncidentRecord,
    Slug,
};
use time::OffsetDateTime;

use crate::error::SqliteError;
use crate::schema::{incident_members, incidents};
use crate::timestamp::{text_of, time_of};

/// A row of `incidents`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = incidents, check_for_backend(Sqlite))]
pub(super) struct IncidentRow {
    id: i64,
    kind: String,
    severity: String,
    status: String,
    root: Option<String>,
    rule: Option<String>,
    finding: Option<String>,
    started_at: String,
    opened_at: String,
    resolved_at: Option<String>,
    resolved_by: Option<String>,
    acknowledged_at: Option<String>,
    acknowledged_by: Option<String>,
    merged_into: Option<i64>,
    silences: i64,
    updated_at: String,
}

impl IncidentRow {
    pub(super) fn into_record(self) -> IncidentRecord {
        IncidentRecord {
            id: self.id,
            kind: self.kind,
            severity: self.severity,
            status: self.status,
            root: self.root,
            rule: self.rule,
            finding: self.finding,
            started_at: decode(&self.started_at),
            opened_at: decode(&self.opened_at),
            resolved_at: self.resolved_at.as_deref().map(decode).transpose(),
            resolved_by: self.resolved_by,
            acknowledged_at: self.acknowledged_at.as_deref().map(decode).transpose(),
            acknowledged_by: self.acknowledged_by,
            merged_into: self.merged_into,
            silences: self.silences != 0,
            updated_at: decode(&self.updated_at),
        }
    }
}

/// A row of `incident_members`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = incident_members, check_for_backend(Sqlite))]
pub(super) struct MemberRow {
    incident_id: i64,
    project: String,
    via: Option<String>,
    status: String,
    down_since: String,
    joined_at: String,
    recovered_at: Option<String>,
    left_at: Option<String>,
}

impl MemberRow {
    pub(super) fn into_record(self) -> IncidentMemberRecord {
        IncidentMemberRecord {
            incident_id: self.incident_id,
            project: self.project,
            via: self.via,
            status: self.status,
            down_since: decode(&self.down_since),
            joined_at: decode(&self.joined_at),
            recovered_at: self.recovered_at.as_deref().map(decode).transpose(),
            left_at: self.left_at.as_deref().map(decode).transpose(),
        }
    }
}

fn decode(text: &str) -> Decoded<OffsetDateTime> {
    time_of(text).map_err(Into::into)
}

fn encode(time: OffsetDateTime) -> Result<String, SqliteError> {
    text_of(time).map_err(SqliteError::failed)
}

/// Inserts or replaces an incident.
pub(super) fn upsert_incident(
    connection: &mut SqliteConnection,
    one: &Incident,
) -> Result<(), SqliteError> {
    let acknowledged = one.acknowledged.as_ref();
    let content = (
        incidents::kind.eq(one.kind.as_str()),
        incidents::severity.eq(one.severity.as_str()),
        incidents::status.eq(one.status.as_str()),
        incidents::root.eq(one.root.as_ref().map(Slug::as_str)),
        incidents::rule.eq(one.rule.as_deref()),
        incidents::finding.eq(one.finding.as_deref()),
        incidents::started_at.eq(encode(one.started_at)?),
        incidents::opened_at.eq(encode(one.opened_at)?),
        incidents::resolved_at.eq(one.resolved_at.map(encode).transpose()?),
        incidents::resolved_by.eq(one.resolved_by.as_ref().map(Actor::as_str)),
        incidents::acknowledged_at.eq(acknowledged.map(|(_, at)| encode(*at)).transpose()?),
        incidents::acknowledged_by.eq(acknowledged.map(|(by, _)| by.as_str())),
        incidents::merged_into.eq(one.merged_into.map(|id| id.0)),
        incidents::silences.eq(i64::from(one.silences)),
        incidents::updated_at.eq(encode(one.updated_at)?),
    );
    diesel::insert_into(incidents::table)
        .values((incidents::id.eq(one.id.0), content.clone()))
        .on_conflict(incidents::id)
        .do_update()
        .set(content)
        .execute(connection)?;
    Ok(())
}

/// Inserts or replaces a member.
pub(super) fn upsert_member(
    connection: &mut SqliteConnection,
    id: IncidentId,
    one: &IncidentMember,
) -> Result<(), SqliteError> {
    let content = (
        incident_members::via.eq(one.via.as_ref().map(Slug::as_str)),
        incident_members::status.eq(one.status.as_str()),
        incident_members::down_since.eq(encode(one.down_since)?),
        incident_members::joined_at.eq(encode(one.joined_at)?),
        incident_members::recovered_at.eq(one.recovered_at.map(encode).transpose()?),
        incident_members::left_at.eq(one.left_at.map(encode).transpose()?),
    );
    let key = (
        incident_members::incident_id.eq(id.0),
        incident_members::project.eq(one.project.as_str()),
    );
    diesel::insert_into(incident_members::table)
        .values((key, content.clone()))
        .on_conflict((incident_members::incident_id, incident_members::project))
        .do_update()
        .set(content)
        .execute(connection)?;
    Ok(())
}
