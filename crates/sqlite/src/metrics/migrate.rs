//! Migrations of the file of metrics.

use diesel::SqliteConnection;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::error::{SqliteError, classified};
use crate::migrate::apply;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite-metrics");

/// Applies pending migrations in one transaction and returns their versions.
pub(crate) fn migrate(connection: &mut SqliteConnection) -> Result<Vec<String>, SqliteError> {
    let migrated = connection.immediate_transaction(|connection| apply(connection, MIGRATIONS));
    migrated.map_err(|error| classified(error).into())
}
