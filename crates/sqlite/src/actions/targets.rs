//! Targets of runs.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use federation_domain::{ActionTarget, RunId, RunStatus, Slug};
use time::OffsetDateTime;

use super::rows::StoredTarget;
use super::{is_owned, time_text};
use crate::error::SqliteError;
use crate::schema::{action_runs, action_targets};

/// Reads targets in order of their slugs.
pub(crate) fn list(
    connection: &mut SqliteConnection,
    id: RunId,
    after: Option<&Slug>,
    limit: usize,
) -> Result<Vec<ActionTarget>, SqliteError> {
    let mut query = action_targets::table
        .filter(action_targets::run_id.eq(id.to_string()))
        .select(StoredTarget::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(action_targets::project.gt(after.as_str().to_owned()));
    }
    let rows: Vec<StoredTarget> = query
        .order(action_targets::project)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)?;
    Ok(rows.into_iter().filter_map(StoredTarget::readable).collect())
}

/// Records that targets are about to be asked. The caller has begun an immediate transaction.
pub(crate) fn record_dispatch(
    connection: &mut SqliteConnection,
    id: RunId,
    owner: &str,
    projects: &[Slug],
    at: OffsetDateTime,
) -> Result<Vec<Slug>, SqliteError> {
    const RECORD: &str = "
        UPDATE action_targets SET asked_at = ?3
        WHERE run_id = ?1 AND project = ?2 AND outcome IS NULL
          AND (asked_at IS NULL OR asked_at = ?3)";
    if !is_owned(connection, id, owner)? {
        return Ok(Vec::new());
    }
    let status: String =
        action_runs::table.find(id.to_string()).select(action_runs::status).first(connection)?;
    if status != RunStatus::Running.as_str() {
        return Ok(Vec::new());
    }
    let (id, at) = (id.to_string(), time_text(at)?);
    let mut recorded = Vec::with_capacity(projects.len());
    for project in projects {
        let rows = diesel::sql_query(RECORD)
            .bind::<Text, _>(&id)
            .bind::<Text, _>(project.as_str())
            .bind::<Text, _>(&at)
            .execute(connection)?;
        recorded.extend((rows > 0).then(|| project.clone()));
    }
    Ok(recorded)
}

/// Stores targets. The caller has begun an immediate transaction.
pub(crate) fn store(
    connection: &mut SqliteConnection,
    id: RunId,
    owner: &str,
    targets: &[ActionTarget],
) -> Result<bool, SqliteError> {
    const STORE: &str = "
        UPDATE action_targets
        SET outcome = ?3, asked_at = ?4, accepted = ?5, percent = ?6, ended_at = ?7, result = ?8,
            error = ?9
        WHERE run_id = ?1 AND project = ?2 AND outcome IS NULL";
    if !is_owned(connection, id, owner)? {
        return Ok(false);
    }
    bind_each(connection, STORE, id, targets)?;
    Ok(true)
}

/// Inserts the targets of a new run.
pub(super) fn insert(
    connection: &mut SqliteConnection,
    id: RunId,
    targets: &[ActionTarget],
) -> Result<(), SqliteError> {
    const INSERT: &str = "
        INSERT INTO action_targets (run_id, project, outcome, asked_at, accepted, percent, ended_at,
                                    result, error)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    bind_each(connection, INSERT, id, targets)
}

fn bind_each(
    connection: &mut SqliteConnection,
    statement: &'static str,
    id: RunId,
    targets: &[ActionTarget],
) -> Result<(), SqliteError> {
    let id = id.to_string();
    for target in targets {
        diesel::sql_query(statement)
            .bind::<Text, _>(&id)
            .bind::<Text, _>(target.project.as_str())
            .bind::<Nullable<Text>, _>(target.outcome.map(|outcome| outcome.as_str()))
            .bind::<Nullable<Text>, _>(target.asked_at.map(time_text).transpose()?)
            .bind::<Bool, _>(target.is_accepted)
            .bind::<Nullable<BigInt>, _>(target.percent.map(|percent| i64::from(percent.get())))
            .bind::<Nullable<Text>, _>(target.ended_at.map(time_text).transpose()?)
            .bind::<Nullable<Text>, _>(target.result.as_deref())
            .bind::<Nullable<Text>, _>(target.error.as_deref())
            .execute(connection)?;
    }
    Ok(())
}
