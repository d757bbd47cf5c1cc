//! Path of the file, and opening connections to it.

use std::error::Error;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleResult};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use federation_domain::StoreError;

use crate::error::tells_an_outage;

/// Settings of every connection.
const SETTINGS: &str = "PRAGMA busy_timeout = 5000;
                        PRAGMA synchronous = FULL;
                        PRAGMA foreign_keys = ON;";

const WRITE_AHEAD: &str = "PRAGMA journal_mode = WAL;";

/// Interval and number of attempts to switch a file to WAL: 5 s in total, as for other locks.
const SWITCH_EVERY: Duration = Duration::from_millis(10);
const SWITCH_ATTEMPTS: usize = 500;

const READ_ONLY: &str = "PRAGMA query_only = ON;";

/// Error of a database URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names no file.
    #[error(
        "expected a file in the database URL: sqlite:///relative/path or sqlite:////absolute/path"
    )]
    NoFile,
    /// The URL names a database in memory, which would be lost at each restart and be a different one
    /// for each connection.
    #[error("an in-memory database is not durable: use a file")]
    InMemory,
    /// The URL has parameters or characters that a path cannot have.
    #[error("the database URL must be a path without parameters, got {0}")]
    NotAPath(String),
    /// The pool cannot be created.
    #[error("cannot create the pool of database connections")]
    Pool(#[source] Box<dyn Error + Send + Sync>),
}

/// Accepted URL schemes, including those with a driver of SQLAlchemy.
const SCHEMES: [&str; 3] = ["sqlite+aiosqlite:", "sqlite+pysqlite:", "sqlite:"];

/// Returns the path in a URL. Three slashes start a relative path and four an absolute one, as in
/// SQLAlchemy. `sqlite:path`, `sqlite://relative` and a bare path are accepted too. The path is not
/// percent-decoded.
pub(crate) fn path_of(url: &str) -> Result<String, ConnectError> {
    let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme));
    let path = match rest {
        Some(rest) => {
            let slashes = ["///", "//"].iter().find_map(|slashes| rest.strip_prefix(slashes));
            slashes.unwrap_or(rest)
        }
        None => url,
    };
    if path.contains(":memory:") {
        return Err(ConnectError::InMemory);
    }
    if path.is_empty() || path.ends_with('/') {
        return Err(ConnectError::NoFile);
    }
    // SQLite would parse `file:` and `?` as a URL with parameters, which can override the settings.
    if path.starts_with("file:") || path.contains("://") || path.contains(['?', '\0']) {
        return Err(ConnectError::NotAPath(path.escape_debug().to_string()));
    }
    Ok(path.to_owned())
}

/// Use of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
}

/// Error of opening a connection.
#[derive(Debug, thiserror::Error)]
#[error("could not open the database file {path}")]
pub(crate) struct OpenError {
    path: String,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl OpenError {
    /// Classifies the error. It replaces the error of the pool, which would repeat its text.
    pub(crate) fn classified(self) -> StoreError {
        if tells_an_outage(&self.source.to_string()) {
            StoreError::Unavailable(self.into())
        } else {
            StoreError::Failed(self.into())
        }
    }
}

/// Opens connections for a pool.
#[derive(Debug)]
pub(crate) struct Opener {
    pub(crate) path: String,
    pub(crate) role: Role,
}

impl Manager for Opener {
    type Type = SqliteConnection;
    type Error = OpenError;

    async fn create(&self) -> Result<SqliteConnection, OpenError> {
        let (path, role) = (self.path.clone(), self.role);
        let opened = tokio::task::spawn_blocking(move || open(&path, role)).await;
        let opened = opened.unwrap_or_else(|stopped| Err(stopped.into()));
        opened.map_err(|source| OpenError { path: self.path.clone(), source })
    }

    async fn recycle(&self, _: &mut SqliteConnection, _: &Metrics) -> RecycleResult<OpenError> {
        Ok(())
    }
}

fn open(path: &str, role: Role) -> Result<SqliteConnection, Box<dyn Error + Send + Sync>> {
    let mut connection = SqliteConnection::establish(path)?;
    connection.batch_execute(SETTINGS)?;
    write_ahead(&mut connection)?;
    if role == Role::Reader {
        connection.batch_execute(READ_ONLY)?;
    }
    Ok(connection)
}

/// Switches the file to WAL, if it is not in that mode yet.
///
/// If several processes open a new file, all but one fail at once because it is locked. SQLite does
/// not apply the busy timeout to this switch, which takes a second lock while it holds a first one.
/// This function therefore retries, on a blocking thread.
fn write_ahead(connection: &mut SqliteConnection) -> QueryResult<()> {
    for _ in 1..SWITCH_ATTEMPTS {
        match connection.batch_execute(WRITE_AHEAD) {
            Err(error) if error.to_string().contains("locked") => std::thread::sleep(SWITCH_EVERY),
            done => return done,
        }
    }
    connection.batch_execute(WRITE_AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(QueryableByName)]
    struct Settings {
        #[diesel(sql_type = diesel::sql_types::Text)]
        journal: String,
        #[diesel(sql_type = diesel::sql_types::Integer)]
        synchronous: i32,
        #[diesel(sql_type = diesel::sql_types::Integer)]
        busy_timeout_ms: i32,
    }

    #[test]
    fn a_connection_uses_wal_syncs_fully_and_waits_for_locks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.db");
        let mut connection = open(path.to_str().unwrap(), Role::Reader).unwrap();
        let settings = "SELECT journal_mode AS journal, synchronous, timeout AS busy_timeout_ms
                        FROM pragma_journal_mode, pragma_synchronous, pragma_busy_timeout";
        let settings: Settings = diesel::sql_query(settings).get_result(&mut connection).unwrap();
        assert_eq!(settings.journal, "wal");
        assert_eq!((settings.synchronous, settings.busy_timeout_ms), (2, 5_000));
        assert!(connection.batch_execute("CREATE TABLE t (a)").is_err(), "a reader wrote");
    }

    #[test]
    fn every_supported_form_of_a_path_parses() {
        for (url, path) in [
            ("sqlite:////var/lib/federation.db", "/var/lib/federation.db"),
            ("sqlite:///federation.db", "federation.db"),
            ("sqlite:///./federation.db", "./federation.db"),
            ("sqlite+aiosqlite:///./federation.db", "./federation.db"),
            ("sqlite+aiosqlite:////var/lib/federation.db", "/var/lib/federation.db"),
            ("sqlite+pysqlite:///federation.db", "federation.db"),
            ("sqlite:/var/lib/federation.db", "/var/lib/federation.db"),
            ("sqlite://federation.db", "federation.db"),
            ("sqlite:data/federation.db", "data/federation.db"),
            ("federation.db", "federation.db"),
            ("/tmp/a b%20ä.db", "/tmp/a b%20ä.db"),
        ] {
            assert_eq!(path_of(url).unwrap(), path);
        }
    }

    #[test]
    fn a_url_without_a_durable_file_is_rejected() {
        for url in
            ["sqlite::memory:", "sqlite://:memory:", ":memory:", "file::memory:?cache=shared"]
        {
            assert!(matches!(path_of(url), Err(ConnectError::InMemory)), "{url}");
        }
        for url in ["", "sqlite:", "sqlite://", "sqlite:///", "sqlite:////", "sqlite://data/"] {
            assert!(matches!(path_of(url), Err(ConnectError::NoFile)), "{url}");
        }
    }

    #[test]
    fn a_url_that_is_more_than_a_path_is_rejected() {
        for url in ["sqlite://f.db?mode=ro", "file:f.db", "mysql://h/d", "sqlite://a\0b"] {
            assert!(matches!(path_of(url), Err(ConnectError::NotAPath(_))), "{url:?}");
        }
    }
}
