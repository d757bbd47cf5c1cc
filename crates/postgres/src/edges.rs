//! Claims about edges.

use std::collections::BTreeSet;

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Double, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    Actor, EdgeClaim, EdgeKey, EdgePlan, EdgeRecord, EdgeSink, EdgeSource, EdgeWrite, WrittenEdges,
};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::change_log::column;
use crate::error::PgError;
use crate::load::report;
use crate::row::{JsonText, time_of};
use crate::schema::edges;
use crate::unit_of_work::UnitOfWork;

/// A row of `edges`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = edges, check_for_backend(Pg))]
struct EdgeRow {
    id: i64,
    from_project: String,
    to_project: String,
    kind: String,
    source: String,
    strength: f64,
    details: Option<JsonText>,
    first_seen_at: PgTimestamp,
    last_seen_at: PgTimestamp,
    stale: bool,
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
            details: self.details.map(JsonText::into_text),
            first_seen_at: time_of(self.first_seen_at).map_err(Into::into),
            last_seen_at: time_of(self.last_seen_at).map_err(Into::into),
            stale: self.stale,
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

/// Reads all claims and passes each one on.
pub(crate) async fn load(
    connection: &mut AsyncPgConnection,
    sink: &mut dyn EdgeSink,
) -> Result<(), PgError> {
    let mut rows = edges::table
        .select(<EdgeRow as SelectableHelper<Pg>>::as_select())
        .load_stream::<EdgeRow>(connection)
        .await?
        .boxed();
    while let Some(row) = rows.try_next().await? {
        row.readable().into_iter().for_each(|claim| sink.take(claim));
    }
    Ok(())
}

/// Reads the claims about edges that start at these projects.
pub(crate) async fn from(
    connection: &mut AsyncPgConnection,
    projects: &[&str],
) -> Result<Vec<EdgeClaim>, PgError> {
    let rows: Vec<EdgeRow> = edges::table
        .filter(edges::from_project.eq_any(projects))
        .select(<EdgeRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    Ok(readable(rows).collect())
}

/// Applies writes. The caller has begun a transaction.
pub(crate) async fn write(
    connection: &mut AsyncPgConnection,
    writes: &[EdgeWrite],
    all_or_none: bool,
    actor: &Actor,
) -> Result<WrittenEdges, PgError> {
    let projects: BTreeSet<&str> = writes.iter().map(|write| write.key.from().as_str()).collect();
    let projects: Vec<&str> = projects.into_iter().collect();
    // The lock of the log serializes writers, so the claims cannot change until the end.
    let mut unit = UnitOfWork::begin(connection).await?;
    let stored = from(unit.connection, &projects).await?;
    let plan = EdgePlan::decide(stored, writes, all_or_none);
    remove(unit.connection, &plan.removals).await?;
    upsert(unit.connection, &plan.upserts).await?;
    let changes = plan.changes.into_iter();
    let entries = changes.map(|change| unit.append(change.into_entry(actor.clone()))).collect();
    unit.finish().await?;
    Ok(WrittenEdges { results: plan.results, entries })
}

async fn remove(
    connection: &mut AsyncPgConnection,
    removals: &[(EdgeKey, EdgeSource)],
) -> Result<(), PgError> {
    const DELETE: &str = "
        DELETE FROM edges AS e USING unnest($1, $2, $3, $4) AS r (from_project, to_project, kind, source)
        WHERE e.from_project = r.from_project AND e.to_project = r.to_project AND e.kind = r.kind
          AND e.source = r.source";
    if removals.is_empty() {
        return Ok(());
    }
    diesel::sql_query(DELETE)
        .bind::<Array<Text>, _>(column(removals, |(key, _)| key.from().as_str()))
        .bind::<Array<Text>, _>(column(removals, |(key, _)| key.to().as_str()))
        .bind::<Array<Text>, _>(column(removals, |(key, _)| key.kind().as_str()))
        .bind::<Array<Text>, _>(column(removals, |(_, source)| source.as_str()))
        .execute(connection)
        .await?;
    Ok(())
}

async fn upsert(connection: &mut AsyncPgConnection, claims: &[EdgeClaim]) -> Result<(), PgError> {
    const UPSERT: &str = "
        INSERT INTO edges AS e (from_project, to_project, kind, source, strength, details,
                                first_seen_at, last_seen_at, stale)
        SELECT from_project, to_project, kind, source, strength, details::json, first_seen_at,
               last_seen_at, stale
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
            AS c (from_project, to_project, kind, source, strength, details, first_seen_at,
                  last_seen_at, stale)
        ON CONFLICT (from_project, to_project, kind, source) DO UPDATE
        SET strength = excluded.strength, details = excluded.details,
            first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at,
            stale = excluded.stale";
    if claims.is_empty() {
        return Ok(());
    }
    let details = |claim: &EdgeClaim| claim.details.as_ref().map(|one| one.as_json().to_owned());
    diesel::sql_query(UPSERT)
        .bind::<Array<Text>, _>(column(claims, |claim| claim.key.from().as_str()))
        .bind::<Array<Text>, _>(column(claims, |claim| claim.key.to().as_str()))
        .bind::<Array<Text>, _>(column(claims, |claim| claim.key.kind().as_str()))
        .bind::<Array<Text>, _>(column(claims, |claim| claim.source.as_str()))
        .bind::<Array<Double>, _>(column(claims, |claim| claim.strength.get()))
        .bind::<Array<Nullable<Text>>, _>(column(claims, details))
        .bind::<Array<Timestamptz>, _>(column(claims, |claim| claim.first_seen_at))
        .bind::<Array<Timestamptz>, _>(column(claims, |claim| claim.last_seen_at))
        .bind::<Array<Bool>, _>(column(claims, |claim| claim.stale))
        .execute(connection)
        .await?;
    Ok(())
}
