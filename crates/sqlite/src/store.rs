//! The store itself: two pools, and what an error means.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use federation_domain::{
    CatalogStore, Change, Checkpoint, Listened, LogEntry, Origin, Outcome, Precondition, Project,
    ProjectId, Registered, Registering, Revision, Slug, Snapshot, Source, StoreError, Transition,
};
use time::OffsetDateTime;

use crate::connection::{ConnectError, Opener, Role, path_of};
use crate::error::Fault;
use crate::migrate::migrate;
use crate::{change_log, checkpoint, commit, load, register, remove, spells};

/// How long a caller waits for a connection that others use.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A whole load, the tail of the log and a health check at once.
const READERS: usize = 3;

/// The durable catalog in an SQLite file.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct SqliteCatalogStore {
    writer: Pool<Opener>,
    readers: Pool<Opener>,
}

impl fmt::Debug for SqliteCatalogStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteCatalogStore").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl SqliteCatalogStore {
    /// A store in this file: `sqlite:///relative/path`, `sqlite:////absolute/path`, `sqlite:path` or
    /// a bare path, taken as it stands. The file is opened, and created, when the store is first
    /// used; its folder must exist.
    ///
    /// # Errors
    /// When the URL cannot lead to a file; a database in memory is refused.
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        let path = path_of(url)?;
        Ok(Self {
            writer: pool(&path, Role::Writer, 1)?,
            readers: pool(&path, Role::Reader, READERS)?,
        })
    }

    /// The file, as the URL names it.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.writer.manager().path)
    }

    /// Brings the file to the schema of this version, and gives the versions that it lacked.
    /// Several processes may do so at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] while another process holds the file or the disk refuses,
    /// [`StoreError::Failed`] when the file cannot be opened, is no database, or may not be
    /// written, and when a migration failed; nothing was applied.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        run(&self.writer, migrate).await
    }

    /// Runs the work in an immediate transaction of the only connection that writes.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        run(&self.writer, move |connection| connection.immediate_transaction(work)).await
    }
}

fn pool(path: &str, role: Role, size: usize) -> Result<Pool<Opener>, ConnectError> {
    Pool::builder(Opener { path: path.to_owned(), role })
        .max_size(size)
        .wait_timeout(Some(WAIT_TIMEOUT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| ConnectError::Pool(error.into()))
}

/// Runs the work to its end on a thread that may block, also when the caller goes away.
async fn run<T: Send + 'static>(
    pool: &Pool<Opener>,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
) -> Result<T, StoreError> {
    let mut connection = pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => error.classified(),
        busy => StoreError::Unavailable(busy.into()),
    })?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&mut connection);
        if done.as_ref().is_err_and(Fault::broke_the_connection) {
            drop(Object::take(connection));
        }
        done
    });
    Ok(done.await.map_err(Fault::failed)??)
}

#[async_trait]
impl CatalogStore for SqliteCatalogStore {
    async fn load(&self) -> Result<Snapshot, StoreError> {
        run(&self.readers, load::load).await
    }

    async fn find(&self, slugs: &[Slug]) -> Result<Vec<Project>, StoreError> {
        let slugs = slugs.iter().cloned().collect();
        run(&self.readers, move |c| load::find(c, &slugs)).await
    }

    async fn register_if(
        &self,
        registrations: &[Registering],
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<Registered>, StoreError> {
        let registrations = registrations.to_vec();
        self.write(move |c| register::register(c, &registrations, by, at)).await
    }

    async fn remove_if(
        &self,
        slug: &Slug,
        only_if: &Precondition,
        at: OffsetDateTime,
    ) -> Result<Option<(ProjectId, Change)>, StoreError> {
        let (slug, only_if) = (slug.clone(), only_if.clone());
        self.write(move |c| remove::remove(c, &slug, &only_if, at)).await
    }

    async fn commit(&self, transitions: &[Transition]) -> Result<Vec<Outcome>, StoreError> {
        let transitions = transitions.to_vec();
        self.write(move |c| commit::commit(c, &transitions)).await
    }

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let checkpoint = checkpoint.clone();
        self.write(move |c| checkpoint::checkpoint(c, &checkpoint)).await
    }

    async fn changes_after(
        &self,
        revision: Revision,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        run(&self.readers, move |c| change_log::after(c, revision, limit)).await
    }

    async fn history(
        &self,
        slug: &Slug,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError> {
        let slug = slug.clone();
        run(&self.readers, move |c| change_log::history(c, &slug, before, limit)).await
    }

    async fn spells(
        &self,
        source: Source,
        since: OffsetDateTime,
    ) -> Result<Vec<Listened>, StoreError> {
        run(&self.readers, move |c| spells::since(c, source, since)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Reads from the file: a bare `SELECT 1` would not.
        run(&self.readers, |c| Ok(c.batch_execute("SELECT count(*) FROM sqlite_schema")?)).await
    }
}
