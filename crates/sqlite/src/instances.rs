//! Facts about the instances of projects.

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use federation_domain::{
    Actor, InstanceFacts, LogEntry, ProjectId, SeenInstance, Slug, StoreError,
};

use crate::error::SqliteError;
use crate::load::report;
use crate::schema::{project_instances, projects};
use crate::timestamp::{text_of, time_of};
use crate::unit_of_work::UnitOfWork;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = project_instances, check_for_backend(Sqlite))]
struct InstanceRow {
    project_id: i64,
    version: Option<String>,
    tools: String,
    capabilities: String,
    seen_at: String,
}

impl InstanceRow {
    /// Parses a row. Logs an error and returns `None` if its time does not parse.
    fn readable(self) -> Option<SeenInstance> {
        let (table, column, row) = ("project_instances", "seen_at", self.project_id);
        let at = time_of(&self.seen_at).map_err(|error| {
            report(&StoreError::Corrupt { table, column, row, source: error.into() });
        });
        let texts = |json: &str| -> Vec<String> { serde_json::from_str(json).unwrap_or_default() };
        let version = self.version.as_deref();
        let facts = InstanceFacts::new(version, texts(&self.tools), texts(&self.capabilities));
        Some(SeenInstance { project: ProjectId(row), facts, at: at.ok()? })
    }
}

/// Reads the facts of all projects.
pub(crate) fn load(connection: &mut SqliteConnection) -> Result<Vec<SeenInstance>, SqliteError> {
    let rows: Vec<InstanceRow> =
        project_instances::table.select(InstanceRow::as_select()).load(connection)?;
    Ok(rows.into_iter().filter_map(InstanceRow::readable).collect())
}

/// Reads the facts of a project.
pub(crate) fn find(
    connection: &mut SqliteConnection,
    project: ProjectId,
) -> Result<Option<SeenInstance>, SqliteError> {
    let row: Option<InstanceRow> = project_instances::table
        .find(project.0)
        .select(InstanceRow::as_select())
        .get_result(connection)
        .optional()?;
    Ok(row.and_then(InstanceRow::readable))
}

/// Stores facts. The caller has begun an immediate transaction.
pub(crate) fn store(
    connection: &mut SqliteConnection,
    seen: &[SeenInstance],
    actor: &Actor,
) -> Result<Vec<LogEntry>, SqliteError> {
    let mut unit = UnitOfWork::begin(connection)?;
    let mut entries = Vec::new();
    for one in seen {
        let slug: Option<String> = projects::table
            .find(one.project.0)
            .select(projects::slug)
            .get_result(unit.connection)
            .optional()?;
        let stored = find(unit.connection, one.project)?;
        let Some(slug) = slug.filter(|_| one.replaces(stored.as_ref())) else { continue };
        upsert(unit.connection, one)?;
        let slug = Slug::parse(&slug).ok();
        if let Some(entry) = slug.and_then(|slug| one.entry(&slug, stored.as_ref(), actor.clone()))
        {
            entries.push(unit.append(entry)?);
        }
    }
    unit.finish()?;
    Ok(entries)
}

fn upsert(connection: &mut SqliteConnection, one: &SeenInstance) -> Result<(), SqliteError> {
    let json = |texts: &[String]| serde_json::to_string(texts).map_err(SqliteError::failed);
    let content = (
        project_instances::version.eq(one.facts.version()),
        project_instances::tools.eq(json(one.facts.tools())?),
        project_instances::capabilities.eq(json(one.facts.capabilities())?),
        project_instances::seen_at.eq(text_of(one.at).map_err(SqliteError::failed)?),
    );
    diesel::insert_into(project_instances::table)
        .values((project_instances::project_id.eq(one.project.0), content.clone()))
        .on_conflict(project_instances::project_id)
        .do_update()
        .set(content)
        .execute(connection)?;
    Ok(())
}

/// Removes the facts of a project.
pub(crate) fn remove(connection: &mut SqliteConnection, project: i64) -> QueryResult<usize> {
    diesel::delete(project_instances::table.find(project)).execute(connection)
}
