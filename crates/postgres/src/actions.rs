//! Runs of actions.

mod create;
mod rows;
mod targets;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text, Timestamptz, Varchar};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    ActionChangeKind, ActionOutcome, ActionRun, Actor, LogEntry, NewActionChange, OutcomeCounts,
    RunFilter, RunId, RunLease, RunStatus,
};
use time::OffsetDateTime;

pub(crate) use self::create::create;
use self::rows::StoredRun;
pub(crate) use self::targets::{list as targets, record_dispatch, store as store_targets};
use crate::error::PgError;
use crate::schema::action_runs;
use crate::unit_of_work::UnitOfWork;

/// Columns of [`StoredRun`].
const RUN: &str =
    "id, action, params, timeout_ms, max_concurrency, idempotent, include_offline, status,
                   actor, created_at, ended_at, counts";

/// Reads a run.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    id: RunId,
) -> Result<Option<ActionRun>, PgError> {
    let query = format!("SELECT {RUN} FROM action_runs WHERE id = $1");
    let rows: Vec<StoredRun> =
        diesel::sql_query(query).bind::<Text, _>(id.to_string()).load(connection).await?;
    Ok(readable(connection, rows).await?.pop())
}

/// Reads runs, newest first.
pub(crate) async fn list(
    connection: &mut AsyncPgConnection,
    filter: &RunFilter,
    limit: usize,
) -> Result<Vec<ActionRun>, PgError> {
    let query = format!(
        "SELECT {RUN} FROM action_runs
         WHERE ($1 IS NULL OR action = $1) AND ($2 IS NULL OR actor = $2) AND ($3 IS NULL OR id < $3)
           AND (cardinality($4) = 0 OR status = ANY($4))
         ORDER BY id DESC LIMIT $5"
    );
    let statuses: Vec<&str> = filter.statuses.iter().map(|status| status.as_str()).collect();
    let rows: Vec<StoredRun> = diesel::sql_query(query)
        .bind::<diesel::sql_types::Nullable<Text>, _>(filter.action.as_ref().map(AsRef::as_ref))
        .bind::<diesel::sql_types::Nullable<Text>, _>(filter.actor.as_ref().map(Actor::as_str))
        .bind::<diesel::sql_types::Nullable<Text>, _>(filter.before.map(|id| id.to_string()))
        .bind::<diesel::sql_types::Array<Varchar>, _>(statuses)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    readable(connection, rows).await
}

/// Takes or renews leases, see [`ActionStore::lease_runs`](federation_domain::ActionStore).
pub(crate) async fn lease(
    connection: &mut AsyncPgConnection,
    lease: &RunLease,
) -> Result<Vec<ActionRun>, PgError> {
    let query = format!(
        "UPDATE action_runs SET owner = $1, lease_until = $3
         WHERE ended_at IS NULL AND (owner IS NULL OR owner = $1 OR lease_until < $2)
         RETURNING {RUN}"
    );
    let rows: Vec<StoredRun> = diesel::sql_query(query)
        .bind::<Text, _>(&lease.owner)
        .bind::<Timestamptz, _>(lease.now)
        .bind::<Timestamptz, _>(lease.until)
        .load(connection)
        .await?;
    readable(connection, rows).await
}

/// Cancels a run. The caller has begun a transaction.
pub(crate) async fn cancel(
    connection: &mut AsyncPgConnection,
    id: RunId,
    actor: &Actor,
    at: OffsetDateTime,
) -> Result<Option<(ActionRun, Option<LogEntry>)>, PgError> {
    let mut unit = UnitOfWork::begin(connection).await?;
    let Some(mut run) = find(unit.connection, id).await? else {
        unit.finish().await?;
        return Ok(None);
    };
    let mut entry = None;
    if run.status == RunStatus::Running {
        run.status = RunStatus::Cancelling;
        diesel::update(action_runs::table.find(id.to_string()))
            .set(action_runs::status.eq(run.status.as_str()))
            .execute(unit.connection)
            .await?;
        let change = NewActionChange::of(&run, ActionChangeKind::Cancelled, at);
        entry = Some(unit.append(change.into_entry(actor.clone())));
    }
    unit.finish().await?;
    Ok(Some((run, entry)))
}

/// Logs the progress of a run or ends it. The caller has begun a transaction.
pub(crate) async fn advance(
    connection: &mut AsyncPgConnection,
    id: RunId,
    owner: &str,
    at: OffsetDateTime,
) -> Result<Option<(ActionRun, LogEntry)>, PgError> {
    let mut unit = UnitOfWork::begin(connection).await?;
    let run = if is_owned(unit.connection, id, owner).await? {
        find(unit.connection, id).await?
    } else {
        None
    };
    let Some(mut run) = run else {
        unit.finish().await?;
        return Ok(None);
    };
    let mut kind = ActionChangeKind::Progressed;
    if run.counts.ended() == run.counts.total() {
        kind = ActionChangeKind::Ended;
        (run.status, run.ended_at) = (run.status.at_the_end(), Some(at));
        diesel::update(action_runs::table.find(id.to_string()))
            .set((
                action_runs::status.eq(run.status.as_str()),
                action_runs::ended_at.eq(Some(at)),
                action_runs::counts.eq(run.counts.to_text()),
            ))
            .execute(unit.connection)
            .await?;
    }
    let change = NewActionChange::of(&run, kind, at);
    let entry = unit.append(change.into_entry(Actor::SERVICE));
    unit.finish().await?;
    Ok(Some((run, entry)))
}

/// Deletes old runs and keys of requests.
pub(crate) async fn drop_old(
    connection: &mut AsyncPgConnection,
    before: OffsetDateTime,
    limit: usize,
) -> Result<usize, PgError> {
    const DELETE: &str = "
        DELETE FROM action_runs WHERE id IN (
            SELECT id FROM action_runs WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)";
    let deleted = diesel::sql_query(DELETE)
        .bind::<Timestamptz, _>(before)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(deleted)
}

/// Returns `true` if the run is in progress and belongs to this owner, and keeps others from taking it
/// until the end of the transaction.
async fn is_owned(
    connection: &mut AsyncPgConnection,
    id: RunId,
    owner: &str,
) -> Result<bool, PgError> {
    let owned = action_runs::table
        .find(id.to_string())
        .filter(action_runs::owner.eq(owner).and(action_runs::ended_at.is_null()))
        .select(action_runs::id)
        .for_share()
        .get_result::<String>(connection)
        .await
        .optional()?;
    Ok(owned.is_some())
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = diesel::sql_types::Nullable<Varchar>)]
    outcome: Option<String>,
    #[diesel(sql_type = Bool)]
    asked: bool,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Counts the targets of a run.
async fn count(connection: &mut AsyncPgConnection, id: &str) -> Result<OutcomeCounts, PgError> {
    const COUNT: &str = "
        SELECT outcome, asked_at IS NOT NULL AS asked, count(*) AS count
        FROM action_targets WHERE run_id = $1 GROUP BY 1, 2";
    let rows: Vec<CountRow> = diesel::sql_query(COUNT).bind::<Text, _>(id).load(connection).await?;
    let mut counts = OutcomeCounts::default();
    for row in rows {
        let outcome = row.outcome.as_deref().and_then(|text| ActionOutcome::parse(text).ok());
        counts.add(outcome, row.asked, usize::try_from(row.count).unwrap_or(0));
    }
    Ok(counts)
}

/// Parses rows. Logs an error for each that does not parse, and leaves it out.
async fn readable(
    connection: &mut AsyncPgConnection,
    rows: Vec<StoredRun>,
) -> Result<Vec<ActionRun>, PgError> {
    let mut runs = Vec::with_capacity(rows.len());
    for row in rows {
        let counts = match row.final_counts() {
            Some(counts) => counts,
            None => count(connection, row.id()).await?,
        };
        runs.extend(row.readable(counts));
    }
    Ok(runs)
}
