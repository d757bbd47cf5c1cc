//! Selection of the store.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use federation_domain::{ClientReads, MetricStore, StoreError, Stores};
use federation_postgres::{PgMetricStore, PgStore};
use federation_sqlite::{SqliteMetricStore, SqliteStore};

use crate::files::replace;
use crate::settings::Database;

/// The store of the catalog.
#[derive(Clone)]
pub enum Store {
    /// A Postgres server.
    Postgres(Arc<PgStore>, Arc<PgMetricStore>),
    /// An SQLite file, and one of metrics beside it.
    Sqlite(Arc<SqliteStore>, Arc<SqliteMetricStore>),
}

impl Store {
    /// Opens the store. A Postgres server does not have to be available yet.
    ///
    /// # Errors
    /// Fails if the URL is invalid or the folder of the file does not exist.
    pub fn open(database: &Database) -> anyhow::Result<Self> {
        match database {
            Database::Postgres(url) => {
                let store = PgStore::connect(url.expose()).context("DATABASE_URL")?;
                let metrics = PgMetricStore::connect(url.expose()).context("DATABASE_URL")?;
                Ok(Self::Postgres(Arc::new(store), Arc::new(metrics)))
            }
            Database::Sqlite(url) => {
                let store = SqliteStore::connect(url.expose()).context("DATABASE_URL")?;
                require_folder(url.expose(), store.path())?;
                let metrics = SqliteMetricStore::connect(url.expose()).context("DATABASE_URL")?;
                Ok(Self::Sqlite(Arc::new(store), Arc::new(metrics)))
            }
        }
    }

    /// Claims an SQLite file for this process until the returned handle is dropped. Two processes
    /// would not be notified of each other's writes.
    ///
    /// # Errors
    /// Fails if another process has claimed the file.
    pub fn claim(&self) -> anyhow::Result<Option<File>> {
        match self {
            Self::Postgres(..) => Ok(None),
            Self::Sqlite(store, _) => claim(store.path()).map(Some),
        }
    }

    /// Returns the ports of the store.
    #[must_use]
    pub fn ports(&self) -> Stores {
        match self {
            Self::Postgres(store, _) => Stores {
                client_reads: ClientReads::of(Arc::new(store.for_clients())),
                ..Stores::of(Arc::<PgStore>::clone(store))
            },
            Self::Sqlite(store, _) => Stores {
                client_reads: ClientReads::of(Arc::new(store.for_clients())),
                ..Stores::of(Arc::<SqliteStore>::clone(store))
            },
        }
    }

    /// Returns the port of the metrics that projects report.
    #[must_use]
    pub fn metrics(&self) -> Arc<dyn MetricStore> {
        match self {
            Self::Postgres(_, metrics) => Arc::<PgMetricStore>::clone(metrics),
            Self::Sqlite(_, metrics) => Arc::<SqliteMetricStore>::clone(metrics),
        }
    }

    /// Returns whether other processes may use the store at the same time.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(..))
    }

    /// Checks that this program knows the schema of the database.
    ///
    /// # Errors
    /// Returns a [`StoreError`], which distinguishes an outage from a rejection.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        match self {
            Self::Postgres(store, _) => store.check_schema().await,
            Self::Sqlite(store, _) => store.check_schema().await,
        }
    }

    /// Applies pending migrations and returns their names.
    ///
    /// # Errors
    /// Returns a [`StoreError`], which distinguishes an outage from a rejection.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Postgres(store, _) => store.migrate().await,
            Self::Sqlite(store, metrics) => {
                let mut versions = store.migrate().await?;
                versions.extend(metrics.migrate().await?);
                Ok(versions)
            }
        }
    }
}

/// Locks a file beside the database, because SQLite would lose its own locks if another handle of the
/// database were closed.
fn claim(database: &Path) -> anyhow::Result<File> {
    let database = canonical(database)?;
    let mut lock = database.clone().into_os_string();
    lock.push(".lock");
    let lock = Path::new(&lock);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(lock);
    let file = file.with_context(|| format!("DATABASE_URL: cannot open {}", lock.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!(
            "DATABASE_URL: expected a file that no other process uses, got {}, which is in use; \
             stop the other process, or use Postgres for several replicas",
            database.display()
        ),
        Err(TryLockError::Error(error)) => {
            let file = lock.display();
            tracing::warn!(%error, %file, "file cannot be locked; another process could use it too");
        }
    }
    Ok(file)
}

/// Returns the absolute path without links. The file need not exist yet.
fn canonical(file: &Path) -> anyhow::Result<PathBuf> {
    if let Ok(path) = fs::canonicalize(file) {
        return Ok(path);
    }
    let folder = fs::canonicalize(replace::folder(file)).context("DATABASE_URL")?;
    Ok(folder.join(file.file_name().unwrap_or_default()))
}

/// Rejects a file whose folder does not exist. Waiting for it, as for a server, would hide a mistake.
fn require_folder(url: &str, file: &Path) -> anyhow::Result<()> {
    let folder = replace::folder(file);
    if folder.is_dir() {
        return Ok(());
    }
    let hint = if url.contains(":///") && file.is_relative() && Path::new("/").join(folder).is_dir()
    {
        let file = file.display();
        format!("; three slashes start a relative path, an absolute one is sqlite:////{file}")
    } else {
        String::new()
    };
    bail!("DATABASE_URL: expected an existing folder, got {}{hint}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(database: &Database) -> String {
        let Err(error) = Store::open(database) else { panic!("{database:?} was accepted") };
        format!("{error:#}")
    }

    #[tokio::test]
    async fn an_invalid_url_is_an_error_of_the_setting_without_the_password() {
        for url in ["postgres:hunter2", "postgresql://", "postgres://u:hunter2@h:port/d"] {
            let error = rejection(&Database::Postgres(url.into()));
            assert!(error.starts_with("DATABASE_URL: ") && !error.contains("hunter2"), "{error}");
        }
        for url in ["sqlite:", "sqlite::memory:", "sqlite:f.db?mode=ro"] {
            let error = rejection(&Database::Sqlite(url.into()));
            assert!(error.starts_with("DATABASE_URL: "), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_is_claimed_once_under_all_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f.db");
        let link = folder.path().join("link.db");
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("f.db", &link).unwrap();
        let open = |path: &Path| {
            Store::open(&Database::Sqlite(format!("sqlite:{}", path.display()).as_str().into()))
        };
        let claimed = open(&file).unwrap().claim().unwrap();
        let error = open(&link).unwrap().claim().unwrap_err().to_string();
        let shown = fs::canonicalize(&file).unwrap();
        assert!(error.contains(&format!("got {}, which", shown.display())), "{error}");
        drop(claimed);
        open(&link).unwrap().claim().unwrap();
    }

    #[tokio::test]
    async fn the_folder_of_the_file_must_exist() {
        for url in ["sqlite:////nonexistent/f.db", "sqlite:/nonexistent/f.db"] {
            let error = rejection(&Database::Sqlite(url.into()));
            assert_eq!(error, "DATABASE_URL: expected an existing folder, got /nonexistent");
        }
        assert_eq!(
            rejection(&Database::Sqlite("sqlite:///tmp/f.db".into())),
            "DATABASE_URL: expected an existing folder, got tmp; three slashes start a relative \
             path, an absolute one is sqlite:////tmp/f.db"
        );
        for url in ["sqlite:f.db", "sqlite:///./f.db", "sqlite:src/f.db", "sqlite:////tmp/f.db"] {
            Store::open(&Database::Sqlite(url.into())).unwrap();
        }
    }
}
