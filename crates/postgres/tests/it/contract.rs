//! The rules of the port.

use std::sync::Arc;

use federation_domain::CatalogStore;
use federation_postgres::PgCatalogStore;
use federation_testkit::TestDatabase;
use federation_testkit::contract::conditions;

use crate::world::migrated;

async fn fresh_store() -> (Arc<dyn CatalogStore>, TestDatabase) {
    let (store, database) = migrated().await;
    (Arc::new(store), database)
}

federation_testkit::catalog_store_contract!(fresh_store);

#[tokio::test(flavor = "multi_thread")]
async fn of_writers_in_two_processes_with_the_same_reading_one_wins() {
    let (store, database) = migrated().await;
    let other = PgCatalogStore::connect(&database.url()).unwrap();
    conditions::race(&[Arc::new(store), Arc::new(other)]).await;
}
