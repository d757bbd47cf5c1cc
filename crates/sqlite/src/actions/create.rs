//! Creation of runs.

use diesel::prelude::*;
use federation_domain::{
    ActionChangeKind, ActionRun, CreatedRun, IdempotencyKey, NewActionChange, NewRun, RunId,
};
use time::OffsetDateTime;

use super::{targets, time_text};
use crate::error::SqliteError;
use crate::schema::{action_requests, action_runs};
use crate::unit_of_work::UnitOfWork;

/// Creates a run, see [`ActionStore::create_run`](federation_domain::ActionStore). The caller has
/// begun an immediate transaction.
pub(crate) fn create(
    connection: &mut SqliteConnection,
    new: &NewRun,
    max_runs: usize,
    keys_since: OffsetDateTime,
) -> Result<CreatedRun, SqliteError> {
    let mut unit = UnitOfWork::begin(connection)?;
    if let Some(refused) = refuse(unit.connection, new, max_runs, keys_since)? {
        return Ok(refused);
    }
    insert(unit.connection, &new.run)?;
    targets::insert(unit.connection, new.run.id, &new.targets)?;
    if let Some((key, digest)) = &new.request {
        insert_key(unit.connection, &new.run, key, digest)?;
    }
    let change = NewActionChange::of(&new.run, ActionChangeKind::Created, new.run.created_at);
    let entry = unit.append(change.into_entry(new.run.actor.clone()))?;
    unit.finish()?;
    Ok(CreatedRun::New(entry))
}

/// Returns the outcome if the run is not created.
fn refuse(
    connection: &mut SqliteConnection,
    new: &NewRun,
    max_runs: usize,
    keys_since: OffsetDateTime,
) -> Result<Option<CreatedRun>, SqliteError> {
    let since = time_text(keys_since)?;
    diesel::delete(action_requests::table.filter(action_requests::created_at.lt(since)))
        .execute(connection)?;
    if let Some((key, digest)) = &new.request {
        let known = action_requests::table
            .find((new.run.actor.as_str(), key.as_str()))
            .select((action_requests::digest, action_requests::run_id))
            .get_result::<(String, String)>(connection)
            .optional()?;
        if let Some((known, run)) = known {
            if known != *digest {
                return Ok(Some(CreatedRun::KeyReused));
            }
            return Ok(Some(CreatedRun::Existing(
                RunId::parse(&run).map_err(SqliteError::failed)?,
            )));
        }
    }
    let running: i64 = action_runs::table
        .filter(action_runs::ended_at.is_null())
        .count()
        .get_result(connection)?;
    let is_full = usize::try_from(running).unwrap_or(usize::MAX) >= max_runs;
    Ok(is_full.then_some(CreatedRun::TooMany))
}

fn insert(connection: &mut SqliteConnection, run: &ActionRun) -> Result<(), SqliteError> {
    let timeout_ms = run.order.timeout.get().as_millis();
    let max_concurrency = run.order.max_concurrency.get();
    diesel::insert_into(action_runs::table)
        .values((
            action_runs::id.eq(run.id.to_string()),
            action_runs::action.eq(run.order.action.as_str()),
            action_runs::params.eq(run.order.params.as_json()),
            action_runs::timeout_ms.eq(i64::try_from(timeout_ms).unwrap_or(i64::MAX)),
            action_runs::max_concurrency.eq(i64::try_from(max_concurrency).unwrap_or(i64::MAX)),
            action_runs::idempotent.eq(i64::from(run.order.idempotent)),
            action_runs::include_offline.eq(i64::from(run.order.include_offline)),
            action_runs::status.eq(run.status.as_str()),
            action_runs::actor.eq(run.actor.as_str()),
            action_runs::created_at.eq(time_text(run.created_at)?),
            action_runs::counts.eq(run.counts.to_text()),
        ))
        .execute(connection)?;
    Ok(())
}

fn insert_key(
    connection: &mut SqliteConnection,
    run: &ActionRun,
    key: &IdempotencyKey,
    digest: &str,
) -> Result<(), SqliteError> {
    diesel::insert_into(action_requests::table)
        .values((
            action_requests::actor.eq(run.actor.as_str()),
            action_requests::key.eq(key.as_str()),
            action_requests::digest.eq(digest),
            action_requests::run_id.eq(run.id.to_string()),
            action_requests::created_at.eq(time_text(run.created_at)?),
        ))
        .execute(connection)?;
    Ok(())
}
