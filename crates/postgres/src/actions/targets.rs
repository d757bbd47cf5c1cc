//! Targets of runs.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Varchar};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{ActionTarget, RunId, RunStatus, Slug};
use time::OffsetDateTime;

use super::is_owned;
use super::rows::StoredTarget;
use crate::change_log::column;
use crate::error::PgError;
use crate::schema::action_runs;

/// Reads targets in order of their slugs. `COLLATE "C"` orders them as the program does.
pub(crate) async fn list(
    connection: &mut AsyncPgConnection,
    id: RunId,
    after: Option<&Slug>,
    limit: usize,
) -> Result<Vec<ActionTarget>, PgError> {
    const LIST: &str = r#"
        SELECT project, outcome, asked_at, accepted, percent, ended_at, result, error
        FROM action_targets
        WHERE run_id = $1 AND ($2 IS NULL OR project COLLATE "C" > $2 COLLATE "C")
        ORDER BY project COLLATE "C" LIMIT $3"#;
    let rows: Vec<StoredTarget> = diesel::sql_query(LIST)
        .bind::<Text, _>(id.to_string())
        .bind::<Nullable<Text>, _>(after.map(Slug::as_str))
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(StoredTarget::readable).collect())
}

#[derive(QueryableByName)]
struct ProjectRow {
    #[diesel(sql_type = Varchar)]
    project: String,
}

/// Records that targets are about to be asked. The caller has begun a transaction.
pub(crate) async fn record_dispatch(
    connection: &mut AsyncPgConnection,
    id: RunId,
    owner: &str,
    projects: &[Slug],
    at: OffsetDateTime,
) -> Result<Vec<Slug>, PgError> {
    const RECORD: &str = "
        UPDATE action_targets SET asked_at = $3
        WHERE run_id = $1 AND project = ANY($2) AND outcome IS NULL
          AND (asked_at IS NULL OR asked_at = $3)
        RETURNING project";
    if !is_owned(connection, id, owner).await? {
        return Ok(Vec::new());
    }
    let status: String = action_runs::table
        .find(id.to_string())
        .select(action_runs::status)
        .get_result(connection)
        .await?;
    if status != RunStatus::Running.as_str() {
        return Ok(Vec::new());
    }
    let rows: Vec<ProjectRow> = diesel::sql_query(RECORD)
        .bind::<Text, _>(id.to_string())
        .bind::<Array<Varchar>, _>(column(projects, Slug::as_str))
        .bind::<Timestamptz, _>(at)
        .load(connection)
        .await?;
    Ok(rows.iter().filter_map(|row| Slug::parse(&row.project).ok()).collect())
}

/// Stores targets. The caller has begun a transaction.
pub(crate) async fn store(
    connection: &mut AsyncPgConnection,
    id: RunId,
    owner: &str,
    targets: &[ActionTarget],
) -> Result<bool, PgError> {
    const STORE: &str = "
        UPDATE action_targets AS t
        SET outcome = n.outcome, asked_at = n.asked_at, accepted = n.accepted, percent = n.percent,
            ended_at = n.ended_at, result = n.result::json, error = n.error
        FROM unnest($2, $3, $4, $5, $6, $7, $8, $9)
            AS n (project, outcome, asked_at, accepted, percent, ended_at, result, error)
        WHERE t.run_id = $1 AND t.project = n.project AND t.outcome IS NULL";
    if !is_owned(connection, id, owner).await? {
        return Ok(false);
    }
    bind_all(connection, STORE, id, targets).await?;
    Ok(true)
}

/// Inserts the targets of a new run.
pub(super) async fn insert(
    connection: &mut AsyncPgConnection,
    id: RunId,
    targets: &[ActionTarget],
) -> Result<(), PgError> {
    const INSERT: &str = "
        INSERT INTO action_targets (run_id, project, outcome, asked_at, accepted, percent, ended_at,
                                    result, error)
        SELECT $1, project, outcome, asked_at, accepted, percent, ended_at, result::json, error
        FROM unnest($2, $3, $4, $5, $6, $7, $8, $9)
            AS n (project, outcome, asked_at, accepted, percent, ended_at, result, error)";
    bind_all(connection, INSERT, id, targets).await
}

async fn bind_all(
    connection: &mut AsyncPgConnection,
    statement: &'static str,
    id: RunId,
    targets: &[ActionTarget],
) -> Result<(), PgError> {
    let percent = |target: &ActionTarget| target.percent.map(|percent| i64::from(percent.get()));
    diesel::sql_query(statement)
        .bind::<Text, _>(id.to_string())
        .bind::<Array<Text>, _>(column(targets, |target| target.project.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(targets, |t| t.outcome.map(|one| one.as_str())))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(targets, |target| target.asked_at))
        .bind::<Array<Bool>, _>(column(targets, |target| target.is_accepted))
        .bind::<Array<Nullable<BigInt>>, _>(column(targets, percent))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(targets, |target| target.ended_at))
        .bind::<Array<Nullable<Text>>, _>(column(targets, |target| target.result.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(column(targets, |target| target.error.as_deref()))
        .execute(connection)
        .await?;
    Ok(())
}
