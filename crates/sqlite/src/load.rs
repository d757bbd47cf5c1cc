//! Reading the whole catalog.

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use federation_domain::{Listened, Snapshot, Source, StoreError};

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
        match row?.parse() {
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use diesel::connection::SimpleConnection;

    use super::*;
    use crate::migrate::migrate;

    /// What is logged, as one text.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_value_that_is_passed_over_is_named_in_a_warning() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        migrate(&mut connection).unwrap();
        let insert = r#"
            INSERT INTO projects (id, slug, name, hub_url, tags, created_at, updated_at)
            VALUES (7, 'a', 'A', 'http://h', '["a", "a"]', '2026-11-24T12:00:00Z',
                    '2026-11-24T12:00:00Z')"#;
        connection.batch_execute(insert).unwrap();
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false);
        let subscriber = subscriber.with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || load(&mut connection)).unwrap();
        let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains(" WARN "), "{log}");
        assert!(log.contains(r#"table="projects" column="tags" row=7 "#), "{log}");
    }
}
