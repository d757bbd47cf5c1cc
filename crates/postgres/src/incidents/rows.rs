//! Rows of incidents and of their members.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Actor, Decoded, IncidentChange, IncidentId, IncidentMember, IncidentMemberRecord,
    IncidentRecord, Slug,
};
use time::OffsetDateTime;

use crate::change_log::column;
use crate::error::PgError;
use crate::row::time_of;
use crate::schema::{incident_members, incidents};

/// A row of `incidents`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = incidents, check_for_backend(Pg))]
pub(super) struct IncidentRow {
    id: i64,
    kind: String,
    severity: String,
    status: String,
    root: Option<String>,
    rule: Option<String>,
    finding: Option<String>,
    started_at: PgTimestamp,
    opened_at: PgTimestamp,
    resolved_at: Option<PgTimestamp>,
    resolved_by: Option<String>,
    acknowledged_at: Option<PgTimestamp>,
    acknowledged_by: Option<String>,
    merged_into: Option<i64>,
    silences: bool,
    updated_at: PgTimestamp,
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
            started_at: decode(self.started_at),
            opened_at: decode(self.opened_at),
            resolved_at: self.resolved_at.map(decode).transpose(),
            resolved_by: self.resolved_by,
            acknowledged_at: self.acknowledged_at.map(decode).transpose(),
            acknowledged_by: self.acknowledged_by,
            merged_into: self.merged_into,
            silences: self.silences,
            updated_at: decode(self.updated_at),
        }
    }
}

/// A row of `incident_members`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = incident_members, check_for_backend(Pg))]
pub(super) struct MemberRow {
    incident_id: i64,
    project: String,
    via: Option<String>,
    status: String,
    down_since: PgTimestamp,
    joined_at: PgTimestamp,
    recovered_at: Option<PgTimestamp>,
    left_at: Option<PgTimestamp>,
}

impl MemberRow {
    pub(super) fn into_record(self) -> IncidentMemberRecord {
        IncidentMemberRecord {
            incident_id: self.incident_id,
            project: self.project,
            via: self.via,
            status: self.status,
            down_since: decode(self.down_since),
            joined_at: decode(self.joined_at),
            recovered_at: self.recovered_at.map(decode).transpose(),
            left_at: self.left_at.map(decode).transpose(),
        }
    }
}

fn decode(timestamp: PgTimestamp) -> Decoded<OffsetDateTime> {
    time_of(timestamp).map_err(Into::into)
}

fn text(slug: Option<&Slug>) -> Option<&str> {
    slug.map(Slug::as_str)
}

/// Inserts or replaces incidents.
pub(super) async fn upsert_incidents(
    connection: &mut AsyncPgConnection,
    changes: &[IncidentChange],
) -> Result<(), PgError> {
    const UPSERT: &str = "
        INSERT INTO incidents (id, kind, severity, status, root, rule, finding, started_at, opened_at,
                               resolved_at, resolved_by, acknowledged_at, acknowledged_by,
                               merged_into, silences, updated_at)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        ON CONFLICT (id) DO UPDATE
        SET kind = excluded.kind, severity = excluded.severity, status = excluded.status,
            root = excluded.root, rule = excluded.rule, finding = excluded.finding,
            started_at = excluded.started_at, opened_at = excluded.opened_at,
            resolved_at = excluded.resolved_at, resolved_by = excluded.resolved_by,
            acknowledged_at = excluded.acknowledged_at,
            acknowledged_by = excluded.acknowledged_by, merged_into = excluded.merged_into,
            silences = excluded.silences,
            updated_at = excluded.updated_at";
    if changes.is_empty() {
        return Ok(());
    }
    let all: Vec<_> = changes.iter().map(|change| &change.incident).collect();
    let acknowledged_by = column(&all, |one| one.acknowledged.as_ref().map(|(by, _)| by.as_str()));
    diesel::sql_query(UPSERT)
        .bind::<Array<BigInt>, _>(column(&all, |one| one.id.0))
        .bind::<Array<Text>, _>(column(&all, |one| one.kind.as_str()))
        .bind::<Array<Text>, _>(column(&all, |one| one.severity.as_str()))
        .bind::<Array<Text>, _>(column(&all, |one| one.status.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(&all, |one| text(one.root.as_ref())))
        .bind::<Array<Nullable<Text>>, _>(column(&all, |one| one.rule.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(column(&all, |one| one.finding.as_deref()))
        .bind::<Array<Timestamptz>, _>(column(&all, |one| one.started_at))
        .bind::<Array<Timestamptz>, _>(column(&all, |one| one.opened_at))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(&all, |one| one.resolved_at))
        .bind::<Array<Nullable<Text>>, _>(column(&all, |one| {
            one.resolved_by.as_ref().map(Actor::as_str)
        }))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(&all, |one| {
            one.acknowledged.as_ref().map(|(_, at)| *at)
        }))
        .bind::<Array<Nullable<Text>>, _>(acknowledged_by)
        .bind::<Array<Nullable<BigInt>>, _>(column(&all, |one| one.merged_into.map(|id| id.0)))
        .bind::<Array<Bool>, _>(column(&all, |one| one.silences))
        .bind::<Array<Timestamptz>, _>(column(&all, |one| one.updated_at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Inserts or replaces members.
pub(super) async fn upsert_members(
    connection: &mut AsyncPgConnection,
    changes: &[IncidentChange],
) -> Result<(), PgError> {
    const UPSERT: &str = "
        INSERT INTO incident_members (incident_id, project, via, status, down_since, joined_at,
                                      recovered_at, left_at)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (incident_id, project) DO UPDATE
        SET via = excluded.via, status = excluded.status, down_since = excluded.down_since,
            joined_at = excluded.joined_at, recovered_at = excluded.recovered_at,
            left_at = excluded.left_at";
    let mut all: Vec<(IncidentId, &IncidentMember)> = Vec::new();
    for IncidentChange { incident, members, .. } in changes {
        all.extend(members.iter().map(|member| (incident.id, member)));
    }
    if all.is_empty() {
        return Ok(());
    }
    diesel::sql_query(UPSERT)
        .bind::<Array<BigInt>, _>(column(&all, |(id, _)| id.0))
        .bind::<Array<Text>, _>(column(&all, |(_, one)| one.project.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(&all, |(_, one)| text(one.via.as_ref())))
        .bind::<Array<Text>, _>(column(&all, |(_, one)| one.status.as_str()))
        .bind::<Array<Timestamptz>, _>(column(&all, |(_, one)| one.down_since))
        .bind::<Array<Timestamptz>, _>(column(&all, |(_, one)| one.joined_at))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(&all, |(_, one)| one.recovered_at))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(&all, |(_, one)| one.left_at))
        .execute(connection)
        .await?;
    Ok(())
}
