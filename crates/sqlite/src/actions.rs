//! Runs of actions.

mod create;
mod rows;
mod targets;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use federation_domain::{
    ActionChangeKind, ActionOutcome, ActionRun, Actor, LogEntry, NewActionChange, OutcomeCounts,
    RunFilter, RunId, RunLease, RunStatus,
};
use time::OffsetDateTime;

pub(crate) use self::create::create;
use self::rows::StoredRun;
pub(crate) use self::targets::{list as targets, record_dispatch, store as store_targets};
use crate::error::SqliteError;
use crate::schema::action_runs;
use crate::timestamp::text_of;
use crate::unit_of_work::UnitOfWork;

fn time_text(time: OffsetDateTime) -> Result<String, SqliteError> {
    text_of(time).map_err(SqliteError::failed)
}

/// Reads a run. The caller has begun a transaction.
pub(crate) fn find(
    connection: &mut SqliteConnection,
    id: RunId,
) -> Result<Option<ActionRun>, SqliteError> {
    let rows: Vec<StoredRun> =
        action_runs::table.find(id.to_string()).select(StoredRun::as_select()).load(connection)?;
    Ok(readable(connection, rows)?.pop())
}

/// Reads runs, newest first. The caller has begun a transaction.
pub(crate) fn list(
    connection: &mut SqliteConnection,
    filter: &RunFilter,
    limit: usize,
) -> Result<Vec<ActionRun>, SqliteError> {
    let mut query = action_runs::table.select(StoredRun::as_select()).into_boxed();
    if let Some(action) = &filter.action {
        query = query.filter(action_runs::action.eq(action.as_str().to_owned()));
    }
    if let Some(actor) = &filter.actor {
        query = query.filter(action_runs::actor.eq(actor.as_str().to_owned()));
    }
    if let Some(before) = filter.before {
        query = query.filter(action_runs::id.lt(before.to_string()));
    }
    if !filter.statuses.is_empty() {
        let statuses = filter.statuses.iter().map(|status| status.as_str());
        query = query.filter(action_runs::status.eq_any(statuses));
    }
    let rows: Vec<StoredRun> = query
        .order(action_runs::id.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)?;
    readable(connection, rows)
}

/// Takes or renews leases. The caller has begun an immediate transaction.
pub(crate) fn lease(
    connection: &mut SqliteConnection,
    lease: &RunLease,
) -> Result<Vec<ActionRun>, SqliteError> {
    let (now, until) = (time_text(lease.now)?, time_text(lease.until)?);
    let is_free = action_runs::owner
        .is_null()
        .or(action_runs::owner.eq(&lease.owner))
        .or(action_runs::lease_until.lt(&now));
    diesel::update(action_runs::table.filter(action_runs::ended_at.is_null()).filter(is_free))
        .set((action_runs::owner.eq(&lease.owner), action_runs::lease_until.eq(&until)))
        .execute(connection)?;
    let rows: Vec<StoredRun> = action_runs::table
        .filter(action_runs::ended_at.is_null().and(action_runs::owner.eq(&lease.owner)))
        .select(StoredRun::as_select())
        .load(connection)?;
    readable(connection, rows)
}

/// Cancels a run. The caller has begun an immediate transaction.
pub(crate) fn cancel(
    connection: &mut SqliteConnection,
    id: RunId,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<Option<(ActionRun, Option<LogEntry>)>, SqliteError> {
    let mut unit = UnitOfWork::begin(connection)?;
    let Some(mut run) = find(unit.connection, id)? else { return Ok(None) };
    let mut entry = None;
    if run.status == RunStatus::Running {
        run.status = RunStatus::Cancelling;
        diesel::update(action_runs::table.find(id.to_string()))
            .set(action_runs::status.eq(run.status.as_str()))
            .execute(unit.connection)?;
        let change = NewActionChange::of(&run, ActionChangeKind::Cancelled, at);
        entry = Some(unit.append(change.into_entry(actor.clone()))?);
    }
    unit.finish()?;
    Ok(Some((run, entry)))
}

/// Logs the progress of a run or ends it. The caller has begun an immediate transaction.
pub(crate) fn advance(
    connection: &mut SqliteConnection,
    id: RunId,
    owner: &str,
    at: OffsetDateTime,
) -> Result<Option<(ActionRun, LogEntry)>, SqliteError> {
    let mut unit = UnitOfWork::begin(connection)?;
    if !is_owned(unit.connection, id, owner)? {
        return Ok(None);
    }
    let Some(mut run) = find(unit.connection, id)? else { return Ok(None) };
    let mut kind = ActionChangeKind::Progressed;
    if run.counts.ended() == run.counts.total() {
        kind = ActionChangeKind::Ended;
        (run.status, run.ended_at) = (run.status.at_the_end(), Some(at));
        diesel::update(action_runs::table.find(id.to_string()))
            .set((
                action_runs::status.eq(run.status.as_str()),
                action_runs::ended_at.eq(Some(time_text(at)?)),
                action_runs::counts.eq(run.counts.to_text()),
            ))
            .execute(unit.connection)?;
    }
    let change = NewActionChange::of(&run, kind, at);
    let entry = unit.append(change.into_entry(Actor::SERVICE))?;
    unit.finish()?;
    Ok(Some((run, entry)))
}

/// Deletes old runs with their targets.
pub(crate) fn drop_old(
    connection: &mut SqliteConnection,
    before: OffsetDateTime,
    limit: usize,
) -> Result<usize, SqliteError> {
    let ids: Vec<String> = action_runs::table
        .filter(action_runs::ended_at.lt(time_text(before)?))
        .order(action_runs::ended_at)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(action_runs::id)
        .load(connection)?;
    Ok(diesel::delete(action_runs::table.filter(action_runs::id.eq_any(ids)))
        .execute(connection)?)
}

/// Returns `true` if the run is in progress and belongs to this owner.
fn is_owned(
    connection: &mut SqliteConnection,
    id: RunId,
    owner: &str,
) -> Result<bool, SqliteError> {
    let owned = action_runs::table
        .find(id.to_string())
        .filter(action_runs::owner.eq(owner).and(action_runs::ended_at.is_null()));
    Ok(diesel::select(diesel::dsl::exists(owned)).get_result(connection)?)
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Nullable<Text>)]
    outcome: Option<String>,
    #[diesel(sql_type = Bool)]
    asked: bool,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Counts the targets of a run.
fn count(connection: &mut SqliteConnection, id: &str) -> Result<OutcomeCounts, SqliteError> {
    const COUNT: &str = "
        SELECT outcome, asked_at IS NOT NULL AS asked, count(*) AS count
        FROM action_targets WHERE run_id = ?1 GROUP BY 1, 2";
    let rows: Vec<CountRow> = diesel::sql_query(COUNT).bind::<Text, _>(id).load(connection)?;
    let mut counts = OutcomeCounts::default();
    for row in rows {
        let outcome = row.outcome.as_deref().and_then(|text| ActionOutcome::parse(text).ok());
        counts.add(outcome, row.asked, usize::try_from(row.count).unwrap_or(0));
    }
    Ok(counts)
}

/// Parses rows. Logs an error for each that does not parse, and leaves it out.
fn readable(
    connection: &mut SqliteConnection,
    rows: Vec<StoredRun>,
) -> Result<Vec<ActionRun>, SqliteError> {
    let mut runs = Vec::with_capacity(rows.len());
    for row in rows {
        let counts = match row.final_counts() {
            Some(counts) => counts,
            None => count(connection, row.id())?,
        };
        runs.extend(row.readable(counts));
    }
    Ok(runs)
}
