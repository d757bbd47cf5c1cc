//! Migrations.

use std::error::Error;

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

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
    let versions = connection.run_pending_migrations(MIGRATIONS)?;
    let versions = versions.iter().map(ToString::to_string).collect();
    // SQLite silently opens a file without write permission for reading. If no migration was pending,
    // nothing was written yet. This statement changes nothing, but fails on such a file.
    connection.batch_execute("DELETE FROM catalog_state WHERE false")?;
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use diesel::Connection;
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
