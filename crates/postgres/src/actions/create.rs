//! Creation of runs.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    ActionChangeKind, ActionRun, CreatedRun, IdempotencyKey, NewActionChange, NewRun, RunId,
    StoreError,
};
use time::OffsetDateTime;

use super::targets;
use crate::error::PgError;
use crate::schema::{action_requests, action_runs};
use crate::unit_of_work::UnitOfWork;

/// Creates a run, see [`ActionStore::create_run`](federation_domain::ActionStore). The caller has
/// begun a transaction.
pub(crate) async fn create(
    connection: &mut AsyncPgConnection,
    new: &NewRun,
    max_runs: usize,
    keys_since: OffsetDateTime,
) -> Result<CreatedRun, PgError> {
    // The lock of the log serializes writers.
    let mut unit = UnitOfWork::begin(connection).await?;
    let refused = refuse(unit.connection, new, max_runs, keys_since).await?;
    if let Some(refused) = refused {
        unit.finish().await?;
        return Ok(refused);
    }
    insert(unit.connection, &new.run).await?;
    targets::insert(unit.connection, new.run.id, &new.targets).await?;
    if let Some((key, digest)) = &new.request {
        insert_key(unit.connection, &new.run, key, digest).await?;
    }
    let change = NewActionChange::of(&new.run, ActionChangeKind::Created, new.run.created_at);
    let entry = unit.append(change.into_entry(new.run.actor.clone()));
    unit.finish().await?;
    Ok(CreatedRun::New(entry))
}

/// Returns the outcome if the run is not created.
async fn refuse(
    connection: &mut AsyncPgConnection,
    new: &NewRun,
    max_runs: usize,
    keys_since: OffsetDateTime,
) -> Result<Option<CreatedRun>, PgError> {
    diesel::delete(action_requests::table.filter(action_requests::created_at.lt(keys_since)))
        .execute(connection)
        .await?;
    if let Some((key, digest)) = &new.request {
        let known = action_requests::table
            .find((new.run.actor.as_str(), key.as_str()))
            .select((action_requests::digest, action_requests::run_id))
            .get_result::<(String, String)>(connection)
            .await
            .optional()?;
        if let Some((known, run)) = known {
            if known != *digest {
                return Ok(Some(CreatedRun::KeyReused));
            }
            let run = RunId::parse(&run).map_err(|error| StoreError::Failed(error.into()))?;
            return Ok(Some(CreatedRun::Existing(run)));
        }
    }
    let running: i64 = action_runs::table
        .filter(action_runs::ended_at.is_null())
        .count()
        .get_result(connection)
        .await?;
    let is_full = usize::try_from(running).unwrap_or(usize::MAX) >= max_runs;
    Ok(is_full.then_some(CreatedRun::TooMany))
}

async fn insert(connection: &mut AsyncPgConnection, run: &ActionRun) -> Result<(), PgError> {
    const INSERT: &str = "
        INSERT INTO action_runs (id, action, params, timeout_ms, max_concurrency, idempotent,
                                 include_offline, status, actor, created_at, counts)
        VALUES ($1, $2, $3::json, $4, $5, $6, $7, $8, $9, $10, $11)";
    let timeout_ms = run.order.timeout.get().as_millis();
    diesel::sql_query(INSERT)
        .bind::<Text, _>(run.id.to_string())
        .bind::<Text, _>(run.order.action.as_str())
        .bind::<Text, _>(run.order.params.as_json())
        .bind::<BigInt, _>(i64::try_from(timeout_ms).unwrap_or(i64::MAX))
        .bind::<BigInt, _>(i64::try_from(run.order.max_concurrency.get()).unwrap_or(i64::MAX))
        .bind::<Bool, _>(run.order.idempotent)
        .bind::<Bool, _>(run.order.include_offline)
        .bind::<Text, _>(run.status.as_str())
        .bind::<Text, _>(run.actor.as_str())
        .bind::<Timestamptz, _>(run.created_at)
        .bind::<Text, _>(run.counts.to_text())
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_key(
    connection: &mut AsyncPgConnection,
    run: &ActionRun,
    key: &IdempotencyKey,
    digest: &str,
) -> Result<(), PgError> {
    diesel::insert_into(action_requests::table)
        .values((
            action_requests::actor.eq(run.actor.as_str()),
            action_requests::key.eq(key.as_str()),
            action_requests::digest.eq(digest),
            action_requests::run_id.eq(run.id.to_string()),
            action_requests::created_at.eq(run.created_at),
        ))
        .execute(connection)
        .await?;
    Ok(())
}
