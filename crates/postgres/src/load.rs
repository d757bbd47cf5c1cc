//! Reading the catalog, the whole of it or some projects.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{Project, Revision, Slug, Snapshot, StoreError};
use futures_util::{StreamExt, TryStreamExt};

use crate::change_log::{self, column};
use crate::connection::begin_pooled;
use crate::error::Fault;
use crate::row::ProjectRow;
use crate::schema::projects;
use crate::spells;

/// Reads projects, revision and spells of listening as of one moment.
pub(crate) async fn load(
    connection: &mut AsyncPgConnection,
    is_pooled: bool,
) -> Result<Snapshot, Fault> {
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

async fn snapshot(connection: &mut AsyncPgConnection) -> Result<Snapshot, Fault> {
    let revision: Revision = change_log::newest(connection).await?;
    let listened = spells::last_of_each(connection).await?;
    let mut snapshot = Snapshot { revision, listened, ..Snapshot::default() };
    let mut rows = projects::table
        .order(projects::id)
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .load_stream::<ProjectRow>(connection)
        .await?
        .boxed();
    // Streamed: a catalog of a million projects is never held twice.
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
) -> Result<Vec<Project>, Fault> {
    let rows: Vec<ProjectRow> = projects::table
        .filter(projects::slug.eq_any(column(slugs, Slug::as_str)))
        .order(projects::id)
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(readable).collect())
}

/// The project of a row; none, and an entry in the log, where it does not parse.
fn readable(row: ProjectRow) -> Option<Project> {
    let parsed = row.parse().map_err(|fault| report(&fault)).ok()?;
    parsed.ignored.iter().for_each(report_ignored);
    Some(parsed.project)
}

/// Says in the log which value reads as absent or empty, though it is neither.
fn report_ignored(fault: &StoreError) {
    let StoreError::Corrupt { table, column, row, source } = fault else { return };
    tracing::warn!(
        table,
        column,
        row,
        error = source.as_ref() as &dyn std::error::Error,
        "a value does not parse and is passed over"
    );
}

/// Says in the log which row does not parse: a person must mend it.
pub(crate) fn report(fault: &StoreError) {
    let StoreError::Corrupt { table, column, row, source } = fault else { return };
    tracing::error!(
        table,
        column,
        row,
        error = source.as_ref() as &dyn std::error::Error,
        "a row does not parse; someone must mend it"
    );
}
