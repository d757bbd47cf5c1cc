//! Incidents and their members.

mod rows;
mod state;

use std::collections::BTreeMap;

use diesel::prelude::*;
use federation_domain::{
    Actor, EditedIncident, INCIDENT, IncidentChange, IncidentEdit, IncidentId, IncidentWrite,
    IncidentsSnapshot, LiveIncident, LiveIncidents, LogEntry, Revision, StoredEntry, to_micros,
};
use time::OffsetDateTime;

use self::rows::{IncidentRow, MemberRow};
pub(crate) use self::state::{claim, release};
use crate::error::SqliteError;
use crate::load::report;
use crate::outbox;
use crate::row::EntryRow;
use crate::schema::{changes, incident_members, incidents};
use crate::timestamp::text_of;
use crate::unit_of_work::UnitOfWork;

const RESOLVED: &str = "resolved";

/// Number of incidents per statement. SQLite allows 32,766 parameters.
const IDS_AT_ONCE: usize = 1_000;

/// Reads the incidents that are not resolved, that silence projects, or that resolved recently. The
/// caller has begun a transaction.
pub(crate) fn load(
    connection: &mut SqliteConnection,
    resolved_after: OffsetDateTime,
    max_resolved: usize,
) -> Result<IncidentsSnapshot, SqliteError> {
    let version = state::read(connection)?.version;
    let live = incidents::status.ne(RESOLVED).or(incidents::silences.ne(0_i64));
    let mut rows: Vec<IncidentRow> =
        incidents::table.filter(live).select(IncidentRow::as_select()).load(connection)?;
    let resolved_after = text_of(resolved_after).map_err(SqliteError::failed)?;
    let is_recent = incidents::status
        .eq(RESOLVED)
        .and(incidents::silences.eq(0_i64))
        .and(incidents::resolved_at.gt(resolved_after));
    let resolved: Vec<IncidentRow> = incidents::table
        .filter(is_recent)
        .order(incidents::resolved_at.desc())
        .limit(i64::try_from(max_resolved).unwrap_or(i64::MAX))
        .select(IncidentRow::as_select())
        .load(connection)?;
    rows.extend(resolved);
    let incidents = LiveIncidents::new(with_members(connection, rows)?);
    Ok(IncidentsSnapshot { incidents, version })
}

/// Reads incidents by their numbers. The caller has begun a transaction.
pub(crate) fn find(
    connection: &mut SqliteConnection,
    ids: &[IncidentId],
) -> Result<Vec<LiveIncident>, SqliteError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let mut found = Vec::new();
    for ids in ids.chunks(IDS_AT_ONCE) {
        let rows: Vec<IncidentRow> = incidents::table
            .filter(incidents::id.eq_any(ids))
            .select(IncidentRow::as_select())
            .load(connection)?;
        found.extend(with_members(connection, rows)?);
    }
    Ok(found)
}

fn with_members(
    connection: &mut SqliteConnection,
    rows: Vec<IncidentRow>,
) -> Result<Vec<LiveIncident>, SqliteError> {
    let parsed = rows
        .into_iter()
        .filter_map(|row| row.into_record().parse().map_err(|error| report(&error)).ok());
    let mut live: BTreeMap<IncidentId, LiveIncident> = parsed
        .map(|incident| (incident.id, LiveIncident { incident, members: BTreeMap::new() }))
        .collect();
    let ids: Vec<i64> = live.keys().map(|id| id.0).collect();
    for ids in ids.chunks(IDS_AT_ONCE) {
        let members: Vec<MemberRow> = incident_members::table
            .filter(incident_members::incident_id.eq_any(ids))
            .select(MemberRow::as_select())
            .load(connection)?;
        for row in members {
            match row.into_record().parse() {
                Ok((id, member)) => {
                    if let Some(one) = live.get_mut(&id) {
                        one.members.insert(member.project.clone(), member);
                    }
                }
                Err(error) => report(&error),
            }
        }
    }
    Ok(live.into_values().collect())
}

/// Stores the changes of an evaluator. The caller has begun an immediate transaction.
pub(crate) fn write(
    connection: &mut SqliteConnection,
    write: &IncidentWrite,
) -> Result<Option<Vec<LogEntry>>, SqliteError> {
    let mut unit = UnitOfWork::begin(connection)?;
    if state::read(unit.connection)?.version != write.known {
        return Ok(None);
    }
    let entries = apply(&mut unit, &write.changes, &Actor::SERVICE, write.at)?;
    outbox::enqueue(unit.connection, &write.notifications)?;
    state::advance(unit.connection, Some((write.next_id, write.cursor)))?;
    unit.finish()?;
    Ok(Some(entries))
}

/// Applies the edit of a person. The caller has begun an immediate transaction.
pub(crate) fn edit(
    connection: &mut SqliteConnection,
    id: IncidentId,
    edit: &IncidentEdit,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<EditedIncident, SqliteError> {
    let at = to_micros(at);
    let mut unit = UnitOfWork::begin(connection)?;
    let Some(stored) = find(unit.connection, &[id])?.into_iter().next() else {
        return Ok(EditedIncident::NotFound);
    };
    let change = match edit.decide(&stored, actor, at) {
        Err(error) => return Ok(EditedIncident::Rejected(error)),
        Ok(None) => return Ok(EditedIncident::Unchanged(Box::new(stored))),
        Ok(Some(change)) => change,
    };
    let entries = apply(&mut unit, std::slice::from_ref(&change), actor, at)?;
    state::advance(unit.connection, None)?;
    unit.finish()?;
    let edited = LiveIncident { incident: change.incident, ..stored };
    Ok(EditedIncident::Changed(Box::new(edited), entries))
}

fn apply(
    unit: &mut UnitOfWork<'_>,
    changes: &[IncidentChange],
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<Vec<LogEntry>, SqliteError> {
    let mut entries = Vec::new();
    for change in changes {
        rows::upsert_incident(unit.connection, &change.incident)?;
        for member in &change.members {
            rows::upsert_member(unit.connection, change.incident.id, member)?;
        }
        for event in &change.events {
            let entry = event.clone().into_entry(&change.incident, actor.clone(), at);
            entries.push(unit.append(entry)?);
        }
    }
    Ok(entries)
}

/// Reads the entries of an incident, newest first, optionally only those before a revision.
pub(crate) fn entries(
    connection: &mut SqliteConnection,
    id: IncidentId,
    before: Option<Revision>,
    limit: usize,
) -> Result<Vec<StoredEntry>, SqliteError> {
    let rows: Vec<EntryRow> = changes::table
        .filter(changes::entity.eq(INCIDENT))
        .filter(changes::key.eq(id.to_string()))
        .filter(changes::revision.lt(before.map_or(i64::MAX, |before| before.0)))
        .order(changes::revision.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(EntryRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(EntryRow::into_entry).collect())
}
