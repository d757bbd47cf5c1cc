//! Claims about edges.

use std::collections::BTreeSet;

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use federation_domain::{
    Actor, EdgeClaim, EdgeKey, EdgePlan, EdgeRecord, EdgeSource, EdgeWrite, Slug, WrittenEdges,
};

use tokio::sync::mpsc::Sender;

use crate::error::SqliteError;
use crate::load::report;
use crate::schema::edges;
use crate::timestamp::{text_of, time_of};
use crate::unit_of_work::UnitOfWork;

/// Number of slugs per statement. SQLite allows 32,766 parameters.
const SLUGS_AT_ONCE: usize = 1_000;

/// Number of claims that are sent at once.
const PART: usize = 1_000;

/// A row of `edges`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = edges, check_for_backend(Sqlite))]
struct EdgeRow {
    id: i64,
    from_project: String,
    to_project: String,
    kind: String,
    source: String,
    strength: f64,
    details: Option<String>,
    first_seen_at: String,
    last_seen_at: String,
    stale: i64,
}

impl EdgeRow {
    fn into_record(self) -> EdgeRecord {
        EdgeRecord {
            id: self.id,
            from: self.from_project,
            to: self.to_project,
            kind: self.kind,
            source: self.source,
            strength: self.strength,
            details: self.details,
            first_seen_at: time_of(&self.first_seen_at).map_err(Into::into),
            last_seen_at: time_of(&self.last_seen_at).map_err(Into::into),
            stale: self.stale != 0,
        }
    }

    /// Parses a row. Logs an error and returns `None` if the row does not parse.
    fn readable(self) -> Option<EdgeClaim> {
        self.into_record().parse().map_err(|error| report(&error)).ok()
    }
}

/// Parses the rows that parse.
fn readable(rows: Vec<EdgeRow>) -> impl Iterator<Item = EdgeClaim> {
    rows.into_iter().filter_map(EdgeRow::readable)
}

/// Reads all claims, and sends them in parts.
pub(crate) fn load(
    connection: &mut SqliteConnection,
    parts: &Sender<Vec<EdgeClaim>>,
) -> Result<(), SqliteError> {
    let rows = edges::table
        .select(EdgeRow::as_select())
        .load_iter::<EdgeRow, DefaultLoadingMode>(connection)?;
    let mut part = Vec::new();
    for row in rows {
        part.extend(row?.readable());
        if part.len() >= PART {
            parts.blocking_send(std::mem::take(&mut part)).map_err(SqliteError::failed)?;
        }
    }
    parts.blocking_send(part).map_err(SqliteError::failed)
}

/// Reads the claims about edges that start at these projects. The caller has begun a transaction.
pub(crate) fn from(
    connection: &mut SqliteConnection,
    projects: &BTreeSet<Slug>,
) -> Result<Vec<EdgeClaim>, SqliteError> {
    let slugs: Vec<&str> = projects.iter().map(Slug::as_str).collect();
    let mut claims = Vec::new();
    for slugs in slugs.chunks(SLUGS_AT_ONCE) {
        let rows: Vec<EdgeRow> = edges::table
            .filter(edges::from_project.eq_any(slugs))
            .select(EdgeRow::as_select())
            .load(connection)?;
        claims.extend(readable(rows));
    }
    Ok(claims)
}

/// Applies writes. The caller has begun an immediate transaction.
pub(crate) fn write(
    connection: &mut SqliteConnection,
    writes: &[EdgeWrite],
    all_or_none: bool,
    actor: &Actor,
) -> Result<WrittenEdges, SqliteError> {
    let projects = writes.iter().map(|write| write.key.from().clone()).collect();
    let mut unit = UnitOfWork::begin(connection)?;
    let stored = from(unit.connection, &projects)?;
    let plan = EdgePlan::decide(stored, writes, all_or_none);
    for (key, source) in &plan.removals {
        remove(unit.connection, key, *source)?;
    }
    for claim in &plan.upserts {
        upsert(unit.connection, claim)?;
    }
    let mut entries = Vec::with_capacity(plan.changes.len());
    for change in plan.changes {
        entries.push(unit.append(change.into_entry(actor.clone()))?);
    }
    unit.finish()?;
    Ok(WrittenEdges { results: plan.results, entries })
}

fn remove(
    connection: &mut SqliteConnection,
    key: &EdgeKey,
    source: EdgeSource,
) -> Result<(), SqliteError> {
    let row = edges::table
        .filter(edges::from_project.eq(key.from().as_str()))
        .filter(edges::to_project.eq(key.to().as_str()))
        .filter(edges::kind.eq(key.kind().as_str()))
        .filter(edges::source.eq(source.as_str()));
    diesel::delete(row).execute(connection)?;
    Ok(())
}

fn upsert(connection: &mut SqliteConnection, claim: &EdgeClaim) -> Result<(), SqliteError> {
    let first_seen_at = text_of(claim.first_seen_at).map_err(SqliteError::failed)?;
    let last_seen_at = text_of(claim.last_seen_at).map_err(SqliteError::failed)?;
    let content = (
        edges::strength.eq(claim.strength.get()),
        edges::details.eq(claim.details.as_ref().map(|details| details.as_json())),
        edges::first_seen_at.eq(first_seen_at),
        edges::last_seen_at.eq(last_seen_at),
        edges::stale.eq(i64::from(claim.stale)),
    );
    let key = (
        edges::from_project.eq(claim.key.from().as_str()),
        edges::to_project.eq(claim.key.to().as_str()),
        edges::kind.eq(claim.key.kind().as_str()),
        edges::source.eq(claim.source.as_str()),
    );
    diesel::insert_into(edges::table)
        .values((key, content.clone()))
        .on_conflict((edges::from_project, edges::to_project, edges::kind, edges::source))
        .do_update()
        .set(content)
        .execute(connection)?;
    Ok(())
}
