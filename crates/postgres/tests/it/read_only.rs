//! Databases that answer reads and refuse every write.

use federation_domain::{CatalogStore, Origin, StoreError, StoreHealth, WritesRefusedBecause};
use federation_testkit::contract::samples::{moment, registration};

use crate::world::{by_hand, migrated};

#[tokio::test]
async fn a_database_that_becomes_read_only_refuses_writes_and_is_not_unavailable() {
    let (store, database) = migrated().await;
    store.probe_writes().await.unwrap();
    let hand = by_hand(&database).await;
    // A setting of a database applies to new sessions.
    let renew = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let set = format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name());
    hand.batch_execute(&set).await.unwrap();
    hand.query(renew, &[]).await.unwrap();
    let writes = [registration("a").into()];
    for error in [
        store.probe_writes().await.unwrap_err(),
        store.register(&writes, Origin::Api, moment(0)).await.unwrap_err(),
    ] {
        let StoreError::WritesRefused { why, .. } = error else { panic!("{error:?}") };
        assert_eq!(why, WritesRefusedBecause::ReadOnly);
    }
    store.ping().await.unwrap();
    store.load().await.unwrap();
    let reset = format!(
        "SET default_transaction_read_only = off;
         ALTER DATABASE {} RESET default_transaction_read_only",
        database.name()
    );
    hand.batch_execute(&reset).await.unwrap();
    hand.query(renew, &[]).await.unwrap();
    store.probe_writes().await.unwrap();
    store.register(&writes, Origin::Api, moment(0)).await.unwrap();
    assert_eq!(store.load().await.unwrap().revision.0, 1, "probes change nothing");
}

#[tokio::test]
async fn a_probe_does_not_wait_for_a_writer() {
    let (store, database) = migrated().await;
    let mut hand = by_hand(&database).await;
    let lock = hand.transaction().await.unwrap();
    lock.execute("SELECT FROM catalog_state FOR UPDATE", &[]).await.unwrap();
    store.probe_writes().await.unwrap();
}
