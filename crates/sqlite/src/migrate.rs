//! Bringing the file to the schema of this version.

use std::error::Error;

use diesel::SqliteConnection;
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
    Ok(versions.iter().map(ToString::to_string).collect())
}
