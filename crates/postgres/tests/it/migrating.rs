//! Running the migrations.

use federation_domain::CatalogStore;
use federation_postgres::PgCatalogStore;
use federation_testkit::TestDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_migrate_once() {
    let database = TestDatabase::create().await;
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let store = PgCatalogStore::connect(&database.url()).unwrap();
            tokio::spawn(async move { store.migrate().await.unwrap().len() })
        })
        .collect();
    let mut migrations = 0;
    for start in starts {
        migrations += start.await.unwrap();
    }
    assert_eq!(migrations, 1);
}

#[tokio::test]
async fn a_migrated_database_has_nothing_left_to_do() {
    let database = TestDatabase::create().await;
    let store = PgCatalogStore::connect(&database.url()).unwrap();
    assert_eq!(store.migrate().await.unwrap(), ["20261124000001"]);
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_was_not_migrated_fails_and_is_not_called_away() {
    let database = TestDatabase::create().await;
    let store = PgCatalogStore::connect(&database.url()).unwrap();
    assert!(!store.load().await.unwrap_err().is_unavailable());
}
