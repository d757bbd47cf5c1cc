//! The store: connection pool, deadlines and classification of errors.

mod actions;
mod checkpoints;
mod edges;
mod incidents;
mod instances;
mod maintenance;
mod outbox;
mod pools;
mod trial;
mod upkeep;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use deadpool::managed::{PoolError, TimeoutType};
use diesel::QueryResult;
use diesel_async::pooled_connection::PoolError as Opening;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
};
use federation_domain::{
    Actor, BusyWith, CatalogStore, Change, ChangeLogStore, Epoch, ListeningPeriod, ListeningStore,
    LogPart, Origin, Outcome, Precondition, Project, ProjectId, Registered, RegistrationWrite,
    Revision, Slug, Snapshot, Source, StoreError, StoreHealth, StoredEntry, Transition,
};
use time::OffsetDateTime;
use tokio::time::timeout;

use self::pools::pool_of;
use crate::address::{Address, ConnectError};
use crate::connection::{
    CONNECT_TIMEOUT, answers, begin_pooled, classify_opening_error, configuration,
};
use crate::error::{POOLER_HINT, PgError, is_lock_timeout, is_of_a_pooler, is_outage};
use crate::migrate::{check, migrate};
use crate::rejection::{WRITE_NOTHING, rejected_or_failed};
use crate::{change_log, commit, listening_periods, load, register, remove};

/// Deadline for a single call, excluding the wait for a connection.
const DEADLINE: Duration = Duration::from_secs(10);

/// Deadline for operations on the whole catalog.
const BULK_DEADLINE: Duration = Duration::from_secs(60);

/// Batch size above which [`BULK_DEADLINE`] applies.
const LARGE_BATCH: usize = 1_000;

/// Number of connections for the service itself. Writers of changes are serialized, so the others
/// serve checkpoints, the follower of the log and health checks.
const CONNECTIONS: usize = 8;

/// Number of connections for reads on behalf of clients, and the limits on waiting for one.
const CLIENT_CONNECTIONS: usize = 4;
const MAX_WAITING_CLIENTS: usize = 64;
const CLIENT_WAIT: Duration = Duration::from_secs(2);

/// The store ports on Postgres.
///
/// Cheap to clone. Clones share the pool.
#[derive(Clone)]
pub struct PgStore {
    address: Address,
    pool: Pool<AsyncPgConnection>,
    /// The pool of [`for_clients`](Self::for_clients).
    client_pool: Pool<AsyncPgConnection>,
    max_waiting: usize,
}

impl PgStore {
    /// Creates a store for a URL that starts with `postgres://`, `postgresql://` or
    /// `postgresql+asyncpg://`. It connects on first use, so the database need not be running.
    ///
    /// # Errors
    /// Returns an error if the URL is not usable.
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        let address = configuration(url)?;
        let pool = pool_of(&address, CONNECTIONS, CONNECT_TIMEOUT)?;
        let client_pool = pool_of(&address, CLIENT_CONNECTIONS, CLIENT_WAIT)?;
        Ok(Self { address, pool, client_pool, max_waiting: usize::MAX })
    }

    /// Returns this store with connections of its own for reads on behalf of clients. Calls beyond
    /// its limits fail with [`StoreError::Busy`].
    #[must_use]
    pub fn for_clients(&self) -> Self {
        let pool = self.client_pool.clone();
        Self { pool, max_waiting: MAX_WAITING_CLIENTS, ..self.clone() }
    }

    /// Applies pending migrations and returns their versions. Several processes may call it at once.
    /// A table `projects` of the Python service is adopted.
    ///
    /// # Errors
    /// Returns [`StoreError::Unavailable`] if the database cannot be reached, and
    /// [`StoreError::Failed`] if it rejects the role, the password or the database name, if the schema
    /// is newer than this program ([`SchemaTooNew`](federation_domain::SchemaTooNew)), or if a
    /// migration fails. A failed migration is rolled back.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        migrate(&self.address).await
    }

    /// Checks that this program knows the schema of the database.
    ///
    /// # Errors
    /// Returns [`StoreError::Failed`] with a [`SchemaTooNew`](federation_domain::SchemaTooNew) if it
    /// does not, or another [`StoreError`].
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        self.read(self.first_connection().await?, DEADLINE, async |c| check(c).await).await
    }

    /// Starts a transaction that writes.
    async fn begin(&self, connection: &mut AsyncPgConnection) -> QueryResult<()> {
        if self.address.is_pooled { begin_pooled(connection).await } else { Ok(()) }
    }

    /// Runs statements that only read. Behind a pooler they need a transaction, which keeps prepared
    /// statements on one server connection.
    async fn read<T>(
        &self,
        connection: Object<AsyncPgConnection>,
        deadline: Duration,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, PgError>,
    ) -> Result<T, StoreError> {
        let is_pooled = self.address.is_pooled;
        settle(connection, deadline, Access::Read, async |c| {
            if !is_pooled {
                return work(c).await;
            }
            AnsiTransactionManager::begin_transaction(c).await?;
            let done = match begin_pooled(c).await {
                Ok(()) => work(c).await,
                Err(error) => Err(error.into()),
            };
            match done {
                Ok(done) => {
                    AnsiTransactionManager::commit_transaction(c).await?;
                    Ok(done)
                }
                Err(fault) => {
                    // The first error matters. A connection in a broken transaction is not reused.
                    let _ = AnsiTransactionManager::rollback_transaction(c).await;
                    Err(fault)
                }
            }
        })
        .await
    }

    /// Runs statements in one transaction that writes.
    pub(crate) async fn transact<T>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, PgError>,
    ) -> Result<T, StoreError> {
        settle(self.connection().await?, DEADLINE, Access::Write, async |c| {
            AnsiTransactionManager::begin_transaction(c).await?;
            let done = match self.begin(c).await {
                Ok(()) => work(c).await,
                Err(error) => Err(error.into()),
            };
            match done {
                Ok(done) => {
                    AnsiTransactionManager::commit_transaction(c).await?;
                    Ok(done)
                }
                Err(fault) => {
                    // The first error matters. A connection in a broken transaction is not reused.
                    let _ = AnsiTransactionManager::rollback_transaction(c).await;
                    Err(fault)
                }
            }
        })
        .await
    }

    /// Runs statements that only read, with a connection of the pool.
    pub(crate) async fn query<T>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, PgError>,
    ) -> Result<T, StoreError> {
        self.read(self.connection().await?, DEADLINE, work).await
    }

    /// Returns a connection for the first call of the process. An operator waits for it, so a wrong
    /// password or database name is reported at once.
    async fn first_connection(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(Opening::ConnectionError(error)) => classify_opening_error(error),
            other => StoreError::Unavailable(other.into()),
        })
    }

    async fn connection(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        if self.pool.status().waiting >= self.max_waiting {
            return Err(StoreError::Busy(BusyWith::Reads));
        }
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => StoreError::Busy(BusyWith::Reads),
            // Every failure to connect counts as an outage: it may end without a restart of this
            // process.
            other => StoreError::Unavailable(other.into()),
        })
    }
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}

fn deadline_of_a_batch(projects: usize) -> Duration {
    if projects > LARGE_BATCH { BULK_DEADLINE } else { DEADLINE }
}

/// A prepared statement is missing or exists already, because another session uses the connection.
#[derive(Debug, thiserror::Error)]
#[error("{POOLER_HINT}")]
struct BehindPooler(#[source] diesel::result::Error);

/// Kind of a call, which decides how its errors are classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// Runs `work` with a deadline and classifies its error.
async fn settle<T>(
    mut connection: Object<AsyncPgConnection>,
    deadline: Duration,
    access: Access,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, PgError>,
) -> Result<T, StoreError> {
    let error = match timeout(deadline, work(&mut connection)).await {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(PgError::Store(error))) => return Err(error),
        Ok(Err(PgError::Database(error))) => error,
        Err(elapsed) => {
            // The connection may still be busy or waiting for a lock. A server that checks its
            // clients notices within two seconds that the connection is closed. Others notice when
            // the statement ends.
            drop(Object::take(connection));
            return Err(StoreError::Unavailable(elapsed.into()));
        }
    };
    if is_of_a_pooler(&error.to_string()) {
        return Err(StoreError::Failed(BehindPooler(error).into()));
    }
    if is_lock_timeout(&error.to_string()) {
        return Err(StoreError::Busy(BusyWith::Writes));
    }
    let outage = match is_outage(&error) {
        Some(outage) => outage,
        None => !answers(&mut connection).await,
    };
    if outage {
        return Err(StoreError::Unavailable(error.into()));
    }
    Err(match access {
        Access::Write => rejected_or_failed(&mut connection, error).await,
        Access::Read => StoreError::Failed(error.into()),
    })
}

#[async_trait]
impl CatalogStore for PgStore {
    async fn load(&self) -> Result<Snapshot, StoreError> {
        let is_pooled = self.address.is_pooled;
        settle(self.first_connection().await?, BULK_DEADLINE, Access::Read, async |c| {
            load::load(c, is_pooled).await
        })
        .await
    }

    async fn find(&self, slugs: &[Slug]) -> Result<Vec<Project>, StoreError> {
        let deadline = deadline_of_a_batch(slugs.len());
        self.read(self.connection().await?, deadline, async |c| load::find(c, slugs).await).await
    }

    async fn register(
        &self,
        writes: &[RegistrationWrite],
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<Registered>, StoreError> {
        let deadline = deadline_of_a_batch(writes.len());
        let registered = settle(self.connection().await?, deadline, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    register::register(c, writes, by, at).await
                })
                .await
        })
        .await;
        match registered {
            Err(StoreError::Rejected { reason, source, .. }) => {
                let project = self.rejected_project(writes, by, at).await;
                Err(StoreError::Rejected { project, reason, source })
            }
            other => other,
        }
    }

    async fn remove(
        &self,
        slug: &Slug,
        only_if: &Precondition,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<Option<(ProjectId, Change)>, StoreError> {
        settle(self.connection().await?, DEADLINE, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    remove::remove(c, slug, only_if, actor, at).await
                })
                .await
        })
        .await
    }

    async fn commit(&self, transitions: &[Transition]) -> Result<Vec<Outcome>, StoreError> {
        settle(self.connection().await?, DEADLINE, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    commit::commit(c, transitions).await
                })
                .await
        })
        .await
    }
}

#[async_trait]
impl ChangeLogStore for PgStore {
    async fn changes_after(&self, revision: Revision, limit: usize) -> Result<LogPart, StoreError> {
        self.read(self.connection().await?, DEADLINE, async |c| {
            change_log::after(c, revision, limit).await
        })
        .await
    }

    async fn history(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        self.read(self.connection().await?, DEADLINE, async |c| {
            change_log::history(c, slug, before, limit).await
        })
        .await
    }

    async fn renew_epoch(&self, known: Epoch) -> Result<(), StoreError> {
        settle(self.connection().await?, DEADLINE, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    change_log::renew_epoch(c, known).await
                })
                .await
        })
        .await
    }
}

#[async_trait]
impl ListeningStore for PgStore {
    async fn listening_periods(
        &self,
        source: Source,
        since: OffsetDateTime,
    ) -> Result<Vec<ListeningPeriod>, StoreError> {
        self.read(self.connection().await?, DEADLINE, async |c| {
            listening_periods::since(c, source, since).await
        })
        .await
    }
}

#[async_trait]
impl StoreHealth for PgStore {
    async fn ping(&self) -> Result<(), StoreError> {
        settle(self.connection().await?, DEADLINE, Access::Read, async |c| {
            Ok(c.batch_execute("SELECT 1").await?)
        })
        .await
    }

    async fn probe_writes(&self) -> Result<(), StoreError> {
        settle(self.connection().await?, DEADLINE, Access::Write, async |c| {
            Ok(c.batch_execute(WRITE_NOTHING).await?)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_more_than_a_thousand_projects_has_the_bulk_deadline() {
        assert_eq!(deadline_of_a_batch(LARGE_BATCH), DEADLINE);
        assert_eq!(deadline_of_a_batch(LARGE_BATCH + 1), BULK_DEADLINE);
    }
}
