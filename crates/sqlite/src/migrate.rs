//! Bringing the file to the schema of this version.

use std::error::Error;

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::{Fault, classified};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Runs the migrations that the file lacks, and says which. All of them are one transaction, so of
/// several processes that start at once one runs them and the others find them done.
pub(crate) fn migrate(connection: &mut SqliteConnection) -> Result<Vec<String>, Fault> {
    connection.immediate_transaction(run).map_err(|error| classified(error).into())
}

fn run(connection: &mut SqliteConnection) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let versions = connection.run_pending_migrations(MIGRATIONS)?;
    let versions = versions.iter().map(ToString::to_string).collect();
    // Where nothing was lacking nothing was written, and SQLite opens a file without permission to
    // write for reading, in silence. This changes nothing and fails there.
    connection.batch_execute("DELETE FROM catalog_state WHERE false")?;
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use diesel::Connection;
    use federation_domain::StoreError;

    use super::*;

    #[test]
    fn a_file_that_may_only_be_read_fails_though_it_lacks_nothing() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        migrate(&mut connection).unwrap();
        connection.batch_execute("PRAGMA query_only = ON").unwrap();
        let error = StoreError::from(migrate(&mut connection).unwrap_err());
        assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
    }
}
