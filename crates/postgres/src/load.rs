//! Reading the whole catalog.

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{Listened, Revision, Snapshot, Source, StoreError};
use futures_util::{StreamExt, TryStreamExt};

use crate::change_log;
use crate::error::Fault;
use crate::row::{ProjectRow, time_of};
use crate::schema::{listening, projects};

/// Reads projects, revision and spells of listening as of one moment.
pub(crate) async fn load(connection: &mut AsyncPgConnection) -> Result<Snapshot, Fault> {
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(async |c| snapshot(c).await)
        .await
}

async fn snapshot(connection: &mut AsyncPgConnection) -> Result<Snapshot, Fault> {
    let revision: Revision = change_log::newest(connection).await?;
    let listened = listened(connection).await?;
    let mut snapshot = Snapshot { revision, listened, ..Snapshot::default() };
    let mut rows = projects::table
        .order(projects::id)
        .select(<ProjectRow as SelectableHelper<Pg>>::as_select())
        .load_stream::<ProjectRow>(connection)
        .await?
        .boxed();
    // Streamed: a catalog of a million projects is never held twice.
    while let Some(row) = rows.try_next().await? {
        match row.parse() {
            Ok(parsed) => {
                parsed.ignored.iter().for_each(report_ignored);
                snapshot.projects.push(parsed.project);
            }
            Err(fault) => {
                report(&fault);
                snapshot.corrupt_rows += 1;
            }
        }
    }
    Ok(snapshot)
}

async fn listened(connection: &mut AsyncPgConnection) -> QueryResult<Vec<Listened>> {
    let rows: Vec<(String, PgTimestamp, PgTimestamp)> =
        listening::table.order(listening::source).load(connection).await?;
    let parse = |(source, from, until): (String, PgTimestamp, PgTimestamp)| {
        let (from, until) = (time_of(from).ok()?, time_of(until).ok()?);
        Some(Listened { source: Source::parse(&source).ok()?, from, until })
    };
    // A source that this version does not know is no concern of it.
    Ok(rows.into_iter().filter_map(parse).collect())
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
