//! Reading the whole catalog.

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use federation_domain::{Listened, Project, Snapshot, Source, StoreError};

use crate::change_log;
use crate::error::Fault;
use crate::row::ProjectRow;
use crate::schema::{listening, projects};
use crate::timestamp::time_of;

/// Reads projects, revision and spells of listening as of one moment.
pub(crate) fn load(connection: &mut SqliteConnection) -> Result<Snapshot, Fault> {
    connection.transaction(snapshot)
}

fn snapshot(connection: &mut SqliteConnection) -> Result<Snapshot, Fault> {
    let revision = change_log::newest(connection)?;
    let listened = listened(connection)?;
    let mut snapshot = Snapshot { revision, listened, ..Snapshot::default() };
    let rows = projects::table
        .order(projects::id)
        .select(ProjectRow::as_select())
        .load_iter::<ProjectRow, DefaultLoadingMode>(connection)?;
    for row in rows {
        match Project::try_from(row?) {
            Ok(project) => snapshot.projects.push(project),
            Err(fault) => {
                report(&fault);
                snapshot.corrupt_rows += 1;
            }
        }
    }
    Ok(snapshot)
}

fn listened(connection: &mut SqliteConnection) -> QueryResult<Vec<Listened>> {
    let rows: Vec<(String, String, String)> =
        listening::table.order(listening::source).load(connection)?;
    let parse = |(source, from, until): (String, String, String)| {
        let (from, until) = (time_of(&from).ok()?, time_of(&until).ok()?);
        Some(Listened { source: Source::parse(&source).ok()?, from, until })
    };
    // A source that this version does not know is no concern of it.
    Ok(rows.into_iter().filter_map(parse).collect())
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
