//! The store: connection pools.

mod actions;
mod incidents;
mod instances;
mod maintenance;
mod outbox;
mod upkeep;

use std::fmt;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError, TimeoutType};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use federation_domain::{
    Actor, BusyWith, CatalogStore, Change, ChangeLogStore, Checkpoint, CheckpointStore, EdgeClaim,
    EdgeSink, EdgeStore, EdgeWrite, Epoch, ListeningPeriod, ListeningStore, LogPart, Origin,
    Outcome, Precondition, Project, ProjectId, Registered, RegistrationWrite, Revision, Slug,
    Snapshot, Source, StoreError, StoreHealth, StoredEntry, Transition, WrittenEdges,
};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::connection::{ConnectError, Opener, Role, path_of};
use crate::error::SqliteError;
use crate::migrate::{check, migrate};
use crate::{change_log, checkpoint, commit, edges, listening_periods, load, register, remove};

/// Deadline for the wait for a connection.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of connections for reading: a load, a read of the log and a health check at once.
const READERS: usize = 3;

/// Number of connections for reads on behalf of clients, and the limits on waiting for one.
const CLIENT_READERS: usize = 2;
const MAX_WAITING_CLIENTS: usize = 64;
const CLIENT_WAIT: Duration = Duration::from_secs(2);

/// The store ports in an SQLite file.
///
/// Cheap to clone. Clones share the connections.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Pool<Opener>,
    readers: Pool<Opener>,
    /// The readers of [`for_clients`](Self::for_clients).
    client_readers: Pool<Opener>,
    max_waiting: usize,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Creates a store for a file: `sqlite:///relative/path`, `sqlite:////absolute/path`,
    /// `sqlite:path` or a bare path, without percent-decoding. The file is opened or created on first
    /// use. Its folder must exist.
    ///
    /// # Errors
    /// Returns an error if the URL does not name a file. A database in memory is rejected.
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        let path = path_of(url)?;
        Ok(Self {
            writer: pool(&path, Role::Writer, 1, WAIT_TIMEOUT)?,
            readers: pool(&path, Role::Reader, READERS, WAIT_TIMEOUT)?,
            client_readers: pool(&path, Role::Reader, CLIENT_READERS, CLIENT_WAIT)?,
            max_waiting: usize::MAX,
        })
    }

    /// Returns this store with connections of its own for reads on behalf of clients. Calls beyond
    /// its limits fail with [`StoreError::Busy`].
    #[must_use]
    pub fn for_clients(&self) -> Self {
        let readers = self.client_readers.clone();
        Self { readers, max_waiting: MAX_WAITING_CLIENTS, ..self.clone() }
    }

    /// Returns the path of the file, as in the URL.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.writer.manager().path)
    }

    /// Applies pending migrations and returns their versions. Several processes may call it at once.
    ///
    /// # Errors
    /// Returns [`StoreError::Unavailable`] if another process locks the file or the disk fails, and
    /// [`StoreError::Failed`] if the file cannot be opened, is not a database or is read-only, if its
    /// schema is newer than this program, or if a migration fails. Nothing was applied.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        run(&self.writer, BusyWith::Writes, migrate).await
    }

    /// Runs `work` on a connection for reading.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.readers.status().waiting >= self.max_waiting {
            return Err(StoreError::Busy(BusyWith::Reads));
        }
        run(&self.readers, BusyWith::Reads, work).await
    }

    /// Checks that this program knows the schema of the file.
    ///
    /// # Errors
    /// Returns [`StoreError::Failed`] with a [`SchemaTooNew`](federation_domain::SchemaTooNew) if it
    /// does not, or another [`StoreError`].
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        self.read(check).await
    }

    /// Runs `work` in an immediate transaction on the connection for writing.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        run(&self.writer, BusyWith::Writes, move |connection| {
            let done = connection.immediate_transaction(work);
            done.map_err(|error| error.of_write(connection))
        })
        .await
    }
}

pub(crate) fn pool(
    path: &str,
    role: Role,
    size: usize,
    wait: Duration,
) -> Result<Pool<Opener>, ConnectError> {
    Pool::builder(Opener { path: path.to_owned(), role })
        .max_size(size)
        .wait_timeout(Some(wait))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| ConnectError::Pool(error.into()))
}

/// Runs `work` to its end on a blocking thread, even if the caller is dropped.
pub(crate) async fn run<T: Send + 'static>(
    pool: &Pool<Opener>,
    crowd: BusyWith,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, SqliteError> + Send + 'static,
) -> Result<T, StoreError> {
    let mut connection = pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => error.classified(),
        PoolError::Timeout(TimeoutType::Wait) => StoreError::Busy(crowd),
        busy => StoreError::Unavailable(busy.into()),
    })?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&mut connection);
        if done.as_ref().is_err_and(SqliteError::broke_the_connection) {
            drop(Object::take(connection));
        }
        done
    });
    Ok(done.await.map_err(SqliteError::failed)??)
}

#[async_trait]
impl CatalogStore for SqliteStore {
    async fn load(&self) -> Result<Snapshot, StoreError> {
        self.read(load::load).await
    }

    async fn find(&self, slugs: &[Slug]) -> Result<Vec<Project>, StoreError> {
        let slugs = slugs.iter().cloned().collect();
        self.read(move |c| load::find(c, &slugs)).await
    }

    async fn register(
        &self,
        writes: &[RegistrationWrite],
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<Registered>, StoreError> {
        let writes = writes.to_vec();
        self.write(move |c| register::register(c, &writes, by, at)).await
    }

    async fn remove(
        &self,
        slug: &Slug,
        only_if: &Precondition,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<Option<(ProjectId, Change)>, StoreError> {
        let (slug, only_if, actor) = (slug.clone(), only_if.clone(), actor.clone());
        self.write(move |c| remove::remove(c, &slug, &only_if, &actor, at)).await
    }

    async fn commit(&self, transitions: &[Transition]) -> Result<Vec<Outcome>, StoreError> {
        let transitions = transitions.to_vec();
        self.write(move |c| commit::commit(c, &transitions)).await
    }
}

#[async_trait]
impl CheckpointStore for SqliteStore {
    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<Vec<ProjectId>, StoreError> {
        let checkpoint = checkpoint.clone();
        self.write(move |c| checkpoint::checkpoint(c, &checkpoint)).await?;
        Ok(Vec::new())
    }
}

#[async_trait]
impl ChangeLogStore for SqliteStore {
    async fn changes_after(&self, revision: Revision, limit: usize) -> Result<LogPart, StoreError> {
        self.read(move |c| change_log::after(c, revision, limit)).await
    }

    async fn history(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let slug = slug.clone();
        self.read(move |c| change_log::history(c, &slug, before, limit)).await
    }

    async fn renew_epoch(&self, known: Epoch) -> Result<(), StoreError> {
        self.write(move |c| change_log::renew_epoch(c, known)).await
    }
}

#[async_trait]
impl EdgeStore for SqliteStore {
    async fn load_edges(&self, sink: &mut dyn EdgeSink) -> Result<(), StoreError> {
        let (sender, mut parts) = mpsc::channel(1);
        let mut read = pin!(self.read(move |c| edges::load(c, &sender)));
        loop {
            tokio::select! {
                Some(part) = parts.recv() => part.into_iter().for_each(|claim| sink.take(claim)),
                read = &mut read => {
                    // The last part may have been sent after the channel was looked at.
                    while let Ok(part) = parts.try_recv() {
                        part.into_iter().for_each(|claim| sink.take(claim));
                    }
                    return read;
                }
            }
        }
    }

    async fn edges_from(&self, projects: &[Slug]) -> Result<Vec<EdgeClaim>, StoreError> {
        let projects = projects.iter().cloned().collect();
        self.read(move |c| c.transaction(|c| edges::from(c, &projects))).await
    }

    async fn write_edges(
        &self,
        writes: &[EdgeWrite],
        all_or_none: bool,
        actor: &Actor,
    ) -> Result<WrittenEdges, StoreError> {
        let (writes, actor) = (writes.to_vec(), actor.clone());
        self.write(move |c| edges::write(c, &writes, all_or_none, &actor)).await
    }
}

#[async_trait]
impl ListeningStore for SqliteStore {
    async fn listening_periods(
        &self,
        source: Source,
        since: OffsetDateTime,
    ) -> Result<Vec<ListeningPeriod>, StoreError> {
        self.read(move |c| listening_periods::since(c, source, since)).await
    }
}

#[async_trait]
impl StoreHealth for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        // `SELECT 1` would not read from the file.
        self.read(|c| Ok(c.batch_execute("SELECT count(*) FROM sqlite_schema")?)).await
    }

    async fn probe_writes(&self) -> Result<(), StoreError> {
        // Only a commit shows that the disk has room.
        let rewrite = "UPDATE catalog_state SET revision = revision";
        self.write(move |c| Ok(c.batch_execute(rewrite)?)).await
    }
}

#[cfg(test)]
mod tests {
    use federation_domain::WritesRefusedBecause;
    use federation_testkit::contract::samples::{moment, registration};

    use super::*;

    #[tokio::test]
    async fn a_full_disk_refuses_writes_until_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.db");
        let store = SqliteStore::connect(path.to_str().unwrap()).unwrap();
        store.migrate().await.unwrap();
        let limit = async |pages: u32| {
            let limit = format!("PRAGMA max_page_count = {pages}");
            run(&store.writer, BusyWith::Writes, move |c| Ok(c.batch_execute(&limit)?))
                .await
                .unwrap();
        };
        let fill = async |batch: u32| {
            let names = (0..50).map(|number| format!("p-{batch}-{number}"));
            let writes: Vec<_> = names.map(|name| registration(&name).into()).collect();
            store.register(&writes, Origin::Api, moment(0)).await
        };
        // A limit below the size of the file is the size of the file.
        limit(1).await;
        let mut refused = None;
        for batch in 0..20 {
            refused = refused.or(fill(batch).await.err());
        }
        let Some(StoreError::WritesRefused { why, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(why, WritesRefusedBecause::Disk);
        store.load().await.unwrap();
        limit(1_000_000).await;
        fill(100).await.unwrap();
        store.probe_writes().await.unwrap();
    }
}
