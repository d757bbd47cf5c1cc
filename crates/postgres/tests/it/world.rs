//! A database, a store on it, and a second connection.

use federation_postgres::PgStore;
use federation_testkit::TestDatabase;
use tokio_postgres::{Client, NoTls};

/// Creates a database and a migrated store on it.
pub(crate) async fn migrated() -> (PgStore, TestDatabase) {
    let database = TestDatabase::create().await;
    let store = PgStore::connect(&database.url()).unwrap();
    store.migrate().await.unwrap();
    (store, database)
}

/// Opens a connection of another program.
pub(crate) async fn by_hand(database: &TestDatabase) -> Client {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
