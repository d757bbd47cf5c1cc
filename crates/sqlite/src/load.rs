//! Reading the catalog.

use std::collections::BTreeSet;

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use federation_domain::{Project, Slug, Snapshot, StoreError};

use crate::change_log;
use crate::error::SqliteError;
use crate::row::ProjectRow;
use crate::schema::projects;

/// Reads projects and revision in one consistent view.
pub(crate) fn load(connection: &mut SqliteConnection) -> Result<Snapshot, SqliteError> {
    connection.transaction(snapshot)
}

fn snapshot(connection: &mut SqliteConnection) -> Result<Snapshot, SqliteError> {
    let log = change_log::state(connection)?;
    let mut snapshot = Snapshot { revision: log.newest, epoch: log.epoch, ..Snapshot::default() };
    let rows = projects::table
        .order(projects::id)
        .select(ProjectRow::as_select())
        .load_iter::<ProjectRow, DefaultLoadingMode>(connection)?;
    for row in rows {
        match readable(row?) {
            Some(project) => snapshot.projects.push(project),
            None => snapshot.corrupt_rows += 1,
        }
    }
    Ok(snapshot)
}

/// Number of slugs per statement. SQLite allows 32,766 parameters.
const SLUGS_AT_ONCE: usize = 1_000;

/// Reads the projects with these slugs in one consistent view.
pub(crate) fn find(
    connection: &mut SqliteConnection,
    slugs: &BTreeSet<Slug>,
) -> Result<Vec<Project>, SqliteError> {
    let slugs: Vec<&str> = slugs.iter().map(Slug::as_str).collect();
    connection.transaction(|connection| {
        let mut found = Vec::new();
        for slugs in slugs.chunks(SLUGS_AT_ONCE) {
            let rows: Vec<ProjectRow> = projects::table
                .filter(projects::slug.eq_any(slugs))
                .select(ProjectRow::as_select())
                .load(connection)?;
            found.extend(rows.into_iter().filter_map(readable));
        }
        Ok(found)
    })
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use diesel::connection::SimpleConnection;

    use super::*;
    use crate::migrate::migrate;

    /// Collects the log.
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
    fn an_ignored_value_is_named_in_a_warning() {
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
