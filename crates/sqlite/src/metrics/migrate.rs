//! Migrations of the file of metrics.

use std::error::Error;

use diesel::SqliteConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::{SqliteError, classified};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite-metrics");

/// Applies pending migrations in one transaction and returns their versions.
pub(crate) fn migrate(connection: &mut SqliteConnection) -> Result<Vec<String>, SqliteError> {
    connection.immediate_transaction(apply).map_err(|error| classified(error).into())
}

fn apply(connection: &mut SqliteConnection) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let versions = connection.run_pending_migrations(MIGRATIONS)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}
