//! Bringing the database to the schema of this version.

use std::error::Error;
use std::time::Duration;

use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use federation_domain::StoreError;
use tokio::time::timeout;
use tokio_postgres::Config;

use crate::connection::{CONNECT_TIMEOUT, answers, open, refused_or_away};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Taken for as long as migrations run, so that of several processes that start at once one runs
/// them and the others find them done. The number means nothing; it must only never change.
const LOCK: &str = "SELECT pg_advisory_lock(7237094217001)";

/// How long opening may take altogether; the time limit in the configuration is for one address.
const OPEN_TIMEOUT: Duration = CONNECT_TIMEOUT.saturating_mul(2);

type Harness = AsyncConnectionWrapper<AsyncPgConnection>;

/// Runs the migrations that the database lacks, and says which.
pub(crate) async fn migrate(config: &Config) -> Result<Vec<String>, StoreError> {
    let mut connection = timeout(OPEN_TIMEOUT, open(config))
        .await
        .map_err(|elapsed| StoreError::Unavailable(elapsed.into()))?
        .map_err(refused_or_away)?;
    if let Err(error) = connection.batch_execute(LOCK).await {
        return Err(StoreError::Unavailable(error.into()));
    }
    // The harness blocks on the connection, which the runtime's own threads must not. The lock
    // ends with the connection.
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
    let versions = harness.run_pending_migrations(MIGRATIONS)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}
