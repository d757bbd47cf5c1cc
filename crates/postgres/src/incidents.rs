//! Incidents and their members.

mod rows;
mod state;

use std::collections::BTreeMap;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Actor, EditedIncident, INCIDENT, IncidentChange, IncidentEdit, IncidentId, IncidentWrite,
    IncidentsSnapshot, LiveIncident, LiveIncidents, LogEntry, Revision, StoredEntry, to_micros,
};
use time::OffsetDateTime;

use self::rows::{IncidentRow, MemberRow};
pub(crate) use self::state::{claim, release};
use crate::error::PgError;
use crate::load::report;
use crate::outbox;
use crate::row::EntryRow;
use crate::schema::{changes, incident_members, incidents};
use crate::unit_of_work::UnitOfWork;

const RESOLVED: &str = "resolved";

/// Reads the incidents that are not resolved, that silence projects, or that resolved recently.
pub(crate) async fn load(
    connection: &mut AsyncPgConnection,
    resolved_after: OffsetDateTime,
    max_resolved: usize,
) -> Result<IncidentsSnapshot, PgError> {
    // An older version makes a decision repeat, a newer one would make it wrong.
    let version = state::read(connection).await?.version;
    let live = incidents::status.ne(RESOLVED).or(incidents::silences);
    let columns = <IncidentRow as SelectableHelper<Pg>>::as_select();
    let mut rows: Vec<IncidentRow> =
        incidents::table.filter(live).select(columns).load(connection).await?;
    let is_recent = incidents::status
        .eq(RESOLVED)
        .and(incidents::silences.eq(false))
        .and(incidents::resolved_at.gt(resolved_after));
    let resolved: Vec<IncidentRow> = incidents::table
        .filter(is_recent)
        .order(incidents::resolved_at.desc())
        .limit(i64::try_from(max_resolved).unwrap_or(i64::MAX))
        .select(<IncidentRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    rows.extend(resolved);
    let incidents = LiveIncidents::new(with_members(connection, rows).await?);
    Ok(IncidentsSnapshot { incidents, version })
}

/// Reads incidents by their numbers.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    ids: &[IncidentId],
) -> Result<Vec<LiveIncident>, PgError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<IncidentRow> = incidents::table
        .filter(incidents::id.eq_any(&ids))
        .select(<IncidentRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    with_members(connection, rows).await
}

async fn with_members(
    connection: &mut AsyncPgConnection,
    rows: Vec<IncidentRow>,
) -> Result<Vec<LiveIncident>, PgError> {
    let parsed = rows
        .into_iter()
        .filter_map(|row| row.into_record().parse().map_err(|error| report(&error)).ok());
    let mut live: BTreeMap<IncidentId, LiveIncident> = parsed
        .map(|incident| (incident.id, LiveIncident { incident, members: BTreeMap::new() }))
        .collect();
    let ids: Vec<i64> = live.keys().map(|id| id.0).collect();
    let members: Vec<MemberRow> = incident_members::table
        .filter(incident_members::incident_id.eq_any(&ids))
        .select(<MemberRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
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
    Ok(live.into_values().collect())
}

/// Stores the changes of an evaluator. The caller has begun a transaction.
pub(crate) async fn write(
    connection: &mut AsyncPgConnection,
    write: &IncidentWrite,
) -> Result<Option<Vec<LogEntry>>, PgError> {
    // The lock of the log serializes writers, so the version cannot change until the end.
    let mut unit = UnitOfWork::begin(connection).await?;
    if state::read(unit.connection).await?.version != write.known {
        return Ok(None);
    }
    let entries = apply(&mut unit, &write.changes, &Actor::SERVICE, write.at).await?;
    outbox::enqueue(unit.connection, &write.notifications).await?;
    state::advance(unit.connection, Some((write.next_id, write.cursor))).await?;
    unit.finish().await?;
    Ok(Some(entries))
}

/// Applies the edit of a person. The caller has begun a transaction.
pub(crate) async fn edit(
    connection: &mut AsyncPgConnection,
    id: IncidentId,
    edit: &IncidentEdit,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<EditedIncident, PgError> {
    let at = to_micros(at);
    let mut unit = UnitOfWork::begin(connection).await?;
    let Some(stored) = find(unit.connection, &[id]).await?.into_iter().next() else {
        return Ok(EditedIncident::NotFound);
    };
    let change = match edit.decide(&stored, actor, at) {
        Err(error) => return Ok(EditedIncident::Rejected(error)),
        Ok(None) => return Ok(EditedIncident::Unchanged(Box::new(stored))),
        Ok(Some(change)) => change,
    };
    let entries = apply(&mut unit, std::slice::from_ref(&change), actor, at).await?;
    state::advance(unit.connection, None).await?;
    unit.finish().await?;
    let edited = LiveIncident { incident: change.incident, ..stored };
    Ok(EditedIncident::Changed(Box::new(edited), entries))
}

async fn apply(
    unit: &mut UnitOfWork<'_>,
    changes: &[IncidentChange],
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<Vec<LogEntry>, PgError> {
    let mut entries = Vec::new();
    rows::upsert_incidents(unit.connection, changes).await?;
    rows::upsert_members(unit.connection, changes).await?;
    for change in changes {
        for event in &change.events {
            let entry = event.clone().into_entry(&change.incident, actor.clone(), at);
            entries.push(unit.append(entry));
        }
    }
    Ok(entries)
}

/// Reads the entries of an incident, newest first, optionally only those before a revision.
pub(crate) async fn entries(
    connection: &mut AsyncPgConnection,
    id: IncidentId,
    before: Option<Revision>,
    limit: usize,
) -> Result<Vec<StoredEntry>, PgError> {
    let rows: Vec<EntryRow> = changes::table
        .filter(changes::entity.eq(INCIDENT))
        .filter(changes::key.eq(id.to_string()))
        .filter(changes::revision.lt(before.map_or(i64::MAX, |before| before.0)))
        .order(changes::revision.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(<EntryRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(EntryRow::into_entry).collect())
}
