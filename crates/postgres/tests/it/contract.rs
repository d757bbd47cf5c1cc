//! The rules of the port.

use std::sync::Arc;

use federation_domain::CatalogStore;
use federation_testkit::TestDatabase;

use crate::world::migrated;

async fn fresh_store() -> (Arc<dyn CatalogStore>, TestDatabase) {
    let (store, database) = migrated().await;
    (Arc::new(store), database)
}

federation_testkit::catalog_store_contract!(fresh_store);
