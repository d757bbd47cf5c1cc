//! Contract of the store ports.

use std::sync::Arc;

use federation_domain::Store;
use federation_postgres::PgStore;
use federation_testkit::TestDatabase;
use federation_testkit::contract::conditions;

use crate::world::migrated;

async fn fresh_store() -> (Arc<dyn Store>, TestDatabase) {
    let (store, database) = migrated().await;
    (Arc::new(store), database)
}

federation_testkit::store_contract!(fresh_store);

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_writers_in_two_processes_with_the_same_tag_wins() {
    let (store, database) = migrated().await;
    let other = PgStore::connect(&database.url()).unwrap();
    conditions::race(&[Arc::new(store), Arc::new(other)]).await;
}
