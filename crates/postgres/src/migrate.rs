//! Migrations of the database.

use std::error::Error;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, result::Error as DatabaseError};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use federation_domain::StoreError;
use tokio::time::timeout;

use crate::address::Address;
use crate::connection::{CONNECT_TIMEOUT, answers, classify_opening_error, open};

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

fn run(harness: &mut Harness) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let mut failed = None;
    let done = harness.transaction(|harness| {
        // Behind a pooler, other clients may have left prepared statements of the same names.
        harness.batch_execute("DEALLOCATE ALL")?;
        harness.batch_execute(LOCK)?;
        let versions = harness.run_pending_migrations(MIGRATIONS);
        let versions = versions.map(|versions| versions.iter().map(ToString::to_string).collect());
        versions.map_err(|error| {
            failed = Some(error);
            DatabaseError::RollbackTransaction
        })
    });
    done.map_err(|error| failed.unwrap_or_else(|| error.into()))
}
