//! Reading the catalog.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{Project, Slug, Snapshot, StoreError};
use futures_util::{StreamExt, TryStreamExt};

use crate::change_log::{self, column};
use crate::connection::begin_pooled;
use crate::error::PgError;
use crate::row::ProjectRow;
use crate::schema::projects;

/// Reads projects and revision in one consistent view.
pub(crate) async fn load(
    connection: &mut AsyncPgConnection,
    is_pooled: bool,
) -> Result<Snapshot, PgError> {
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(async |c| {
            if is_pooled {
                begin_pooled(c).await?;
            }
            snapshot(c).await
        })
        .await
}

async fn snapshot(connection: &mut AsyncPgConnection) -> Result<Snapshot, PgError> {
    let log = change_log::state(connection).await?;
    let mut snapshot = Snapshot { revision: log.newest, epoch: log.epoch, ..Snapshot::default() };
    let mut rows = projects::table
        .order(projects::id)
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .load_stream::<ProjectRow>(connection)
        .await?
        .boxed();
    // Streamed, so that a catalog of a million projects is never held twice.
    while let Some(row) = rows.try_next().await? {
        match readable(row) {
            Some(project) => snapshot.projects.push(project),
            None => snapshot.corrupt_rows += 1,
        }
    }
    Ok(snapshot)
}

/// Reads the projects of these slugs, in the order of their ids.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    slugs: &[Slug],
) -> Result<Vec<Project>, PgError> {
    let rows: Vec<ProjectRow> = projects::table
        .filter(projects::slug.eq_any(column(slugs, Slug::as_str)))
        .order(projects::id)
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(readable).collect())
}

/// Parses a row. Logs an error and returns `None` if the row does not parse.
fn readable(row: ProjectRow) -> Option<Project> {
    let stored = row.into_record().parse().map_err(|error| report(&error)).ok()?;
    stored.ignored.iter().for_each(report_ignored);
    Some(stored.project)
}

/// Logs a value that does not parse and reads as absent or empty.
fn report_ignored(error: &StoreError) {
    let StoreError::Corrupt { table, column, row, source } = error else { return };
    tracing::warn!(
        table,
        column,
        row,
        error = source.as_ref() as &dyn std::error::Error,
        "stored value does not parse and is ignored"
    );
}

/// Logs a row that does not parse.
pub(crate) fn report(error: &StoreError) {
    let StoreError::Corrupt { table, column, row, source } = error else { return };
    tracing::error!(
        table,
        column,
        row,
        error = source.as_ref() as &dyn std::error::Error,
        "stored row does not parse and is skipped; correct it by hand"
    );
}
