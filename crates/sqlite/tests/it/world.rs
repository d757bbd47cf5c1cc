//! A folder, a store in it, and a hand that writes into the file beside the store.

use std::path::Path;

use diesel::{Connection, SqliteConnection};
use federation_sqlite::SqliteCatalogStore;
use tempfile::TempDir;

/// The name of the file within its folder.
pub(crate) const FILE: &str = "federation.db";

/// A store in this folder; another value for each call, as another process has.
pub(crate) fn store_in(folder: &Path) -> SqliteCatalogStore {
    let url = format!("sqlite:{}", folder.join(FILE).display());
    SqliteCatalogStore::connect(&url).unwrap()
}

/// A store in a fresh folder, with the schema of this version.
pub(crate) async fn migrated() -> (SqliteCatalogStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path());
    store.migrate().await.unwrap();
    (store, folder)
}

/// Somebody else's connection.
pub(crate) fn by_hand(folder: &TempDir) -> SqliteConnection {
    let path = folder.path().join(FILE);
    SqliteConnection::establish(path.to_str().unwrap()).unwrap()
}
