//! A database, a store on it, and a hand that writes into it beside the store.

use federation_postgres::PgCatalogStore;
use federation_testkit::TestDatabase;
use tokio_postgres::{Client, NoTls};

/// A store on a fresh database with the schema of this version.
pub(crate) async fn migrated() -> (PgCatalogStore, TestDatabase) {
    let database = TestDatabase::create().await;
    let store = PgCatalogStore::connect(&database.url()).unwrap();
    store.migrate().await.unwrap();
    (store, database)
}

/// Somebody else's connection.
pub(crate) async fn by_hand(database: &TestDatabase) -> Client {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
