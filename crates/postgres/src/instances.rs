//! Facts about the instances of projects.

use std::collections::HashMap;

use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Json, Nullable, Text, Timestamptz, Varchar};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Actor, InstanceFacts, LogEntry, ProjectId, SeenInstance, Slug, StoreError,
};

use crate::change_log::column;
use crate::error::PgError;
use crate::load::report;
use crate::row::{JsonText, time_of};
use crate::unit_of_work::UnitOfWork;

#[derive(QueryableByName)]
struct InstanceRow {
    #[diesel(sql_type = BigInt)]
    project_id: i64,
    #[diesel(sql_type = Nullable<Varchar>)]
    version: Option<String>,
    #[diesel(sql_type = Json)]
    tools: JsonText,
    #[diesel(sql_type = Json)]
    capabilities: JsonText,
    #[diesel(sql_type = Timestamptz)]
    seen_at: PgTimestamp,
}

#[derive(QueryableByName)]
struct ProjectKey {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Varchar)]
    slug: String,
}

impl InstanceRow {
    /// Parses a row. Logs an error and returns `None` if its time does not parse.
    fn readable(self) -> Option<SeenInstance> {
        let id = self.project_id;
        let (table, column, row) = ("project_instances", "seen_at", id);
        let corrupt =
            |error: &'static str| StoreError::Corrupt { table, column, row, source: error.into() };
        let at = time_of(self.seen_at).map_err(|error| report(&corrupt(error))).ok()?;
        let (tools, capabilities) = (texts(self.tools), texts(self.capabilities));
        let facts = InstanceFacts::new(self.version.as_deref(), tools, capabilities);
        Some(SeenInstance { project: ProjectId(id), facts, at })
    }
}

fn texts(json: JsonText) -> Vec<String> {
    serde_json::from_str(&json.into_text()).unwrap_or_default()
}

const COLUMNS: &str =
    "SELECT project_id, version, tools, capabilities, seen_at FROM project_instances";

/// Reads the facts of all projects.
pub(crate) async fn load(connection: &mut AsyncPgConnection) -> Result<Vec<SeenInstance>, PgError> {
    let rows: Vec<InstanceRow> = diesel::sql_query(COLUMNS).load(connection).await?;
    Ok(rows.into_iter().filter_map(InstanceRow::readable).collect())
}

/// Reads the facts of these projects.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    projects: &[ProjectId],
) -> Result<Vec<SeenInstance>, PgError> {
    let rows: Vec<InstanceRow> =
        diesel::sql_query(format!("{COLUMNS} WHERE project_id = ANY ($1)"))
            .bind::<Array<BigInt>, _>(column(projects, |project| project.0))
            .load(connection)
            .await?;
    Ok(rows.into_iter().filter_map(InstanceRow::readable).collect())
}

/// Stores facts. The caller has begun a transaction.
pub(crate) async fn store(
    connection: &mut AsyncPgConnection,
    seen: &[SeenInstance],
    actor: &Actor,
) -> Result<Vec<LogEntry>, PgError> {
    const KEYS: &str = "SELECT id, slug FROM projects WHERE id = ANY ($1)";
    // The lock of the log serializes writers and removals, so the rows cannot change until the end.
    let mut unit = UnitOfWork::begin(connection).await?;
    let ids = column(seen, |one| one.project);
    let keys: Vec<ProjectKey> = diesel::sql_query(KEYS)
        .bind::<Array<BigInt>, _>(column(&ids, |project| project.0))
        .load(unit.connection)
        .await?;
    let slugs: HashMap<i64, String> = keys.into_iter().map(|key| (key.id, key.slug)).collect();
    let stored = find(unit.connection, &ids).await?;
    let stored: HashMap<ProjectId, SeenInstance> =
        stored.into_iter().map(|one| (one.project, one)).collect();
    let mut new = Vec::new();
    let mut entries = Vec::new();
    for one in seen {
        let known = stored.get(&one.project);
        let Some(slug) = slugs.get(&one.project.0).filter(|_| one.replaces(known)) else {
            continue;
        };
        new.push(one);
        let slug = Slug::parse(slug).ok();
        let entry = slug.and_then(|slug| one.entry(&slug, known, actor.clone()));
        entries.extend(entry.map(|entry| unit.append(entry)));
    }
    upsert(unit.connection, &new).await?;
    unit.finish().await?;
    Ok(entries)
}

async fn upsert(connection: &mut AsyncPgConnection, new: &[&SeenInstance]) -> Result<(), PgError> {
    const UPSERT: &str = "
        INSERT INTO project_instances (project_id, version, tools, capabilities, seen_at)
        SELECT project_id, version, tools::json, capabilities::json, seen_at
        FROM unnest($1, $2, $3, $4, $5) AS s (project_id, version, tools, capabilities, seen_at)
        ON CONFLICT (project_id) DO UPDATE
        SET version = excluded.version, tools = excluded.tools,
            capabilities = excluded.capabilities, seen_at = excluded.seen_at";
    if new.is_empty() {
        return Ok(());
    }
    let json = |texts: &[String]| serde_json::to_string(texts).unwrap_or_else(|_| "[]".to_owned());
    diesel::sql_query(UPSERT)
        .bind::<Array<BigInt>, _>(column(new, |one| one.project.0))
        .bind::<Array<Nullable<Text>>, _>(column(new, |one| one.facts.version()))
        .bind::<Array<Text>, _>(column(new, |one| json(one.facts.tools())))
        .bind::<Array<Text>, _>(column(new, |one| json(one.facts.capabilities())))
        .bind::<Array<Timestamptz>, _>(column(new, |one| one.at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes the facts of a project.
pub(crate) async fn remove(connection: &mut AsyncPgConnection, project: i64) -> QueryResult<usize> {
    diesel::sql_query("DELETE FROM project_instances WHERE project_id = $1")
        .bind::<BigInt, _>(project)
        .execute(connection)
        .await
}
