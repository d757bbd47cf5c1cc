//! A folder, a store in it, and a second connection.

use std::path::Path;

use diesel::{Connection, SqliteConnection};
use federation_sqlite::SqliteStore;
use tempfile::TempDir;

/// Name of the file.
pub(crate) const FILE: &str = "federation.db";

/// Opens a store in this folder. Each call opens a new one, as another process would.
pub(crate) fn store_in(folder: &Path) -> SqliteStore {
    let url = format!("sqlite:{}", folder.join(FILE).display());
    SqliteStore::connect(&url).unwrap()
}

/// Creates a folder and a migrated store in it.
pub(crate) async fn migrated() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path());
    store.migrate().await.unwrap();
    (store, folder)
}

/// Opens a connection of another program.
pub(crate) fn by_hand(folder: &TempDir) -> SqliteConnection {
    let path = folder.path().join(FILE);
    SqliteConnection::establish(path.to_str().unwrap()).unwrap()
}
