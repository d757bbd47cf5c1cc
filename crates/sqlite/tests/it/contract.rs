//! Contract of the store ports.

use std::sync::Arc;

use federation_domain::Store;
use tempfile::TempDir;

use crate::world::migrated;

async fn fresh_store() -> (Arc<dyn Store>, TempDir) {
    let (store, folder) = migrated().await;
    (Arc::new(store), folder)
}

federation_testkit::store_contract!(fresh_store);
