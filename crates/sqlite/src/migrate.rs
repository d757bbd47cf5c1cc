//! Migrations.

use std::error::Error;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::migration::{Migration as _, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use federation_domain::SchemaTooNew;

use crate::error::{SqliteError, classified};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Applies pending migrations and returns their versions.
///
/// All of them run in one transaction. If several processes start at once, one runs the migrations
/// and the others find them applied.
pub(crate) fn migrate(connection: &mut SqliteConnection) -> Result<Vec<String>, SqliteError> {
    connection.immediate_transaction(run).map_err(|error| classified(error).into())
}

fn run(connection: &mut SqliteConnection) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let versions = apply(connection, MIGRATIONS)?;
    // SQLite silently opens a file without write permission for reading. If no migration was pending,
    // nothing was written yet. This statement changes nothing, but fails on such a file.
    connection.batch_execute("DELETE FROM catalog_state WHERE false")?;
    Ok(versions)
}

/// Applies the pending ones of these migrations, and fails if the schema of the file is newer.
pub(crate) fn apply(
    connection: &mut SqliteConnection,
    migrations: EmbeddedMigrations,
) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let stored =
        connection.applied_migrations()?.into_iter().max().map(|newest| newest.to_string());
    SchemaTooNew::check(stored.as_deref(), &newest_of(&migrations)?)?;
    let versions = connection.run_pending_migrations(migrations)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

/// Fails if the schema of the file is newer than this program. A file without a schema passes
/// the check.
pub(crate) fn check(connection: &mut SqliteConnection) -> Result<(), SqliteError> {
    const EXISTS: &str = "EXISTS (SELECT 1 FROM sqlite_schema
                                  WHERE name = '__diesel_schema_migrations')";
    const NEWEST: &str = "(SELECT max(version) FROM __diesel_schema_migrations)";
    let is_migrated: bool = diesel::select(sql::<Bool>(EXISTS)).get_result(connection)?;
    if !is_migrated {
        return Ok(());
    }
    let stored: Option<String> =
        diesel::select(sql::<Nullable<Text>>(NEWEST)).get_result(connection)?;
    let known = newest_of(&MIGRATIONS).map_err(SqliteError::failed)?;
    SchemaTooNew::check(stored.as_deref(), &known).map_err(SqliteError::failed)
}

/// Returns the newest version of these migrations.
fn newest_of(migrations: &EmbeddedMigrations) -> Result<String, Box<dyn Error + Send + Sync>> {
    let migrations = MigrationSource::<Sqlite>::migrations(migrations)?;
    let versions = migrations.iter().map(|migration| migration.name().version().to_string());
    Ok(versions.max().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use federation_domain::StoreError;

    use super::*;

    #[test]
    fn a_read_only_file_fails_even_without_pending_migrations() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        migrate(&mut connection).unwrap();
        connection.batch_execute("PRAGMA query_only = ON").unwrap();
        let error = StoreError::from(migrate(&mut connection).unwrap_err());
        assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
    }
}
