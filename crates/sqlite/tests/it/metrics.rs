//! Contract of the store of metrics.

use std::sync::Arc;

use federation_domain::MetricStore;
use federation_sqlite::SqliteMetricStore;
use tempfile::TempDir;

use crate::world::FILE;

fn store_in(folder: &TempDir) -> SqliteMetricStore {
    SqliteMetricStore::connect(&format!("sqlite:{}", folder.path().join(FILE).display())).unwrap()
}

async fn fresh_store() -> (Arc<dyn MetricStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(&folder);
    store.migrate().await.unwrap();
    (Arc::new(store), folder)
}

federation_testkit::metric_store_contract!(fresh_store);

#[tokio::test]
async fn metrics_are_kept_in_a_file_beside_the_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(&folder);
    assert_eq!(store.migrate().await.unwrap(), ["20261128000010"]);
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.path(), folder.path().join(format!("{FILE}.metrics")));
    assert!(store.path().exists() && !folder.path().join(FILE).exists());
}
