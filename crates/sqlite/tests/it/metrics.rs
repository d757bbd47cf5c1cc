//! Contract of the store of metrics.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use federation_domain::{MetricStore, error_chain};
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

#[tokio::test]
async fn a_file_of_metrics_newer_than_the_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(&folder);
    store.migrate().await.unwrap();
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')";
    let mut hand = SqliteConnection::establish(store.path().to_str().unwrap()).unwrap();
    hand.batch_execute(newer).unwrap();
    let refused = error_chain(&store.migrate().await.unwrap_err());
    assert!(refused.contains("schema version 20991231000001, which is newer than"), "{refused}");
}
