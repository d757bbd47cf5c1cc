//! Migrations of the database.

use std::error::Error;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::migration::{Migration as _, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::{Connection as _, result::Error as DatabaseError};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use federation_domain::{SchemaTooNew, StoreError};
use tokio::time::timeout;

use crate::address::Address;
use crate::connection::{CONNECT_TIMEOUT, answers, classify_opening_error, open};
use crate::error::PgError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Takes the lock for migrations. If several processes start at once, one applies the migrations
/// and the others find them applied. The lock ends with the transaction, because a session lock
/// would stay on the server connection of a pooler. The number is arbitrary but must not change.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7237094217001)";

/// Deadline for opening a connection. The timeout in the configuration is for a single address.
const OPEN_TIMEOUT: Duration = CONNECT_TIMEOUT.saturating_mul(2);

type Harness = AsyncConnectionWrapper<AsyncPgConnection>;

/// Applies pending migrations in one transaction and returns their names.
pub(crate) async fn migrate(address: &Address) -> Result<Vec<String>, StoreError> {
    let connection = timeout(OPEN_TIMEOUT, open(address))
        .await
        .map_err(|elapsed| StoreError::Unavailable(elapsed.into()))?
        .map_err(classify_opening_error)?;
    // The harness blocks on the connection, so it must not run on a thread of the runtime.
    let (done, mut connection) = tokio::task::spawn_blocking(move || {
        let mut harness = Harness::from(connection);
        let done = run(&mut harness);
        (done, harness.into_inner())
    })
    .await
    .map_err(|stopped| StoreError::Failed(stopped.into()))?;
    match done {
        Ok(versions) => Ok(versions),
        Err(error) if answers(&mut connection).await => Err(StoreError::Failed(error)),
        Err(error) => Err(StoreError::Unavailable(error)),
    }
}

/// Fails if the schema of the database is newer than this program. A database without a schema
/// passes the check.
pub(crate) async fn check(connection: &mut AsyncPgConnection) -> Result<(), PgError> {
    const EXISTS: &str = "to_regclass('__diesel_schema_migrations') IS NOT NULL";
    const NEWEST: &str = "(SELECT max(version) FROM __diesel_schema_migrations)";
    let is_migrated: bool = diesel::select(sql::<Bool>(EXISTS)).get_result(connection).await?;
    if !is_migrated {
        return Ok(());
    }
    let stored: Option<String> =
        diesel::select(sql::<Nullable<Text>>(NEWEST)).get_result(connection).await?;
    let known = newest_known().map_err(PgError::failed)?;
    SchemaTooNew::check(stored.as_deref(), &known).map_err(PgError::failed)
}

/// Returns the newest version that this program knows.
fn newest_known() -> Result<String, Box<dyn Error + Send + Sync>> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS)?;
    let versions = migrations.iter().map(|migration| migration.name().version().to_string());
    Ok(versions.max().unwrap_or_default())
}

/// Applies pending migrations, unless the database has one that this program does not know.
fn apply(harness: &mut Harness) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let stored = harness.applied_migrations()?.into_iter().max().map(|newest| newest.to_string());
    SchemaTooNew::check(stored.as_deref(), &newest_known()?)?;
    let versions = harness.run_pending_migrations(MIGRATIONS)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

fn run(harness: &mut Harness) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let mut failed = None;
    let done = harness.transaction(|harness| {
        // Behind a pooler, other clients may have left prepared statements of the same names.
        harness.batch_execute("DEALLOCATE ALL")?;
        harness.batch_execute(LOCK)?;
        apply(harness).map_err(|error| {
            failed = Some(error);
            DatabaseError::RollbackTransaction
        })
    });
    done.map_err(|error| failed.unwrap_or_else(|| error.into()))
}
