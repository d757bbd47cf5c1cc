//! The store behind PgBouncer in transaction mode.

use std::sync::Arc;

use federation_domain::{CatalogStore, Origin, Store, StoreError, StoreHealth};
use federation_postgres::PgStore;
use federation_testkit::contract::samples::{moment, registration};
use federation_testkit::{PgBouncer, TestDatabase};

async fn pooled() -> (PgStore, PgBouncer, TestDatabase) {
    let database = TestDatabase::create().await;
    let pooler = PgBouncer::start(&database.url()).await;
    let store = PgStore::connect(&format!("{}?pgbouncer=true", pooler.url())).unwrap();
    store.migrate().await.unwrap();
    (store, pooler, database)
}

async fn fresh_store() -> (Arc<dyn Store>, (PgBouncer, TestDatabase)) {
    let (store, pooler, database) = pooled().await;
    (Arc::new(store), (pooler, database))
}

federation_testkit::store_contract!(fresh_store);

#[tokio::test(flavor = "multi_thread")]
async fn several_replicas_start_and_write_at_once() {
    let (_, pooler, _database) = pooled().await;
    let url = format!("{}?pgbouncer=true", pooler.url());
    let replicas = (0..4).map(|replica| {
        let url = url.clone();
        tokio::spawn(async move {
            let store = PgStore::connect(&url).unwrap();
            assert!(store.migrate().await.unwrap().is_empty());
            for number in 0..20 {
                let slug = format!("r{replica}-{number}");
                store
                    .register(&[registration(&slug).into()], Origin::Api, moment(0))
                    .await
                    .unwrap();
                store.ping().await.unwrap();
            }
        })
    });
    futures_util::future::join_all(replicas).await.into_iter().for_each(|done| done.unwrap());
    let store = PgStore::connect(&url).unwrap();
    assert_eq!(store.load().await.unwrap().projects.len(), 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_was_not_announced_is_named_in_the_error() {
    let (_, pooler, _database) = pooled().await;
    let store = PgStore::connect(pooler.url()).unwrap();
    let mut failed = None;
    for at in 0..50 {
        if let Err(error) =
            store.register(&[registration("a").into()], Origin::Api, moment(at)).await
        {
            failed = Some(error);
            break;
        }
    }
    // Without the parameter the store may work by chance. If not, the error explains the fix.
    if let Some(StoreError::Failed(error)) = failed {
        assert!(error.to_string().contains("pgbouncer=true"), "{error}");
    }
}
