//! The rules of the port.

use std::sync::Arc;

use federation_domain::CatalogStore;
use tempfile::TempDir;

use crate::world::migrated;

async fn fresh_store() -> (Arc<dyn CatalogStore>, TempDir) {
    let (store, folder) = migrated().await;
    (Arc::new(store), folder)
}

federation_testkit::catalog_store_contract!(fresh_store);
