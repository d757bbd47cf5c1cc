//! Outages of the database.

use federation_domain::{CatalogStore, Origin, StoreError, StoreHealth};
use federation_postgres::PgStore;
use federation_testkit::contract::samples::{moment, registration};
use federation_testkit::{PostgresServer, TestDatabase};

use crate::world::{by_hand, migrated};

/// Returns a loopback port without a listener.
async fn closed_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_store_can_be_created_while_the_database_is_down() {
    let url = format!("postgres://hub@127.0.0.1:{}/fed", closed_port().await);
    let store = PgStore::connect(&url).unwrap();
    for error in [
        store.ping().await.unwrap_err(),
        store.load().await.unwrap_err(),
        store.register(&[], Origin::Api, moment(0)).await.unwrap_err(),
        store.migrate().await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_store_recovers_without_loss_after_the_server_was_killed() {
    let mut server = PostgresServer::start().await;
    let store = PgStore::connect(&server.url()).unwrap();
    store.migrate().await.unwrap();
    store.register(&[registration("a").into()], Origin::Api, moment(0)).await.unwrap();
    server.kill();
    for _ in 0..3 {
        assert!(store.ping().await.unwrap_err().is_unavailable());
        let b = [registration("b").into()];
        assert!(store.register(&b, Origin::Api, moment(1)).await.unwrap_err().is_unavailable());
    }
    server.start_again().await;
    store.ping().await.unwrap();
    store.register(&[registration("b").into()], Origin::Api, moment(2)).await.unwrap();
    let snapshot = store.load().await.unwrap();
    assert_eq!(snapshot.projects.iter().map(|p| p.slug.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(snapshot.revision.0, 2);
}

/// Time is paused, so it jumps to the next deadline when every task waits.
#[tokio::test]
async fn a_store_is_unavailable_while_the_server_hangs_and_recovers() {
    let server = PostgresServer::start().await;
    let store = PgStore::connect(&server.url()).unwrap();
    store.migrate().await.unwrap();
    store.ping().await.unwrap();
    server.pause();
    tokio::time::pause();
    assert!(store.ping().await.unwrap_err().is_unavailable());
    assert!(store.load().await.unwrap_err().is_unavailable());
    tokio::time::resume();
    server.resume();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_writer_that_waits_for_a_held_lock_times_out_as_unavailable() {
    let (store, database) = migrated().await;
    let mut client = by_hand(&database).await;
    let lock = client.transaction().await.unwrap();
    lock.execute("SELECT FROM catalog_state FOR UPDATE", &[]).await.unwrap();
    let writer = tokio::spawn({
        let store = store.clone();
        async move { store.register(&[registration("a").into()], Origin::Api, moment(0)).await }
    });
    let observer = by_hand(&database).await;
    let waits = until_a_session_waits_for_a_lock(&observer);
    let limit = std::time::Duration::from_secs(60);
    tokio::time::timeout(limit, waits).await.expect("the writer waits for the lock");
    tokio::time::pause();
    let error = writer.await.unwrap().unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    tokio::time::resume();
    let gives_up = until_no_session_waits_for_a_lock(&observer);
    tokio::time::timeout(limit / 2, gives_up).await.expect("the server cancels the wait too");
    lock.rollback().await.unwrap();
    store.register(&[registration("a").into()], Origin::Api, moment(0)).await.unwrap();
}

async fn until_a_session_waits_for_a_lock(client: &tokio_postgres::Client) {
    while waiting_for_a_lock(client).await == 0 {}
}

async fn until_no_session_waits_for_a_lock(client: &tokio_postgres::Client) {
    while waiting_for_a_lock(client).await > 0 {}
}

async fn waiting_for_a_lock(client: &tokio_postgres::Client) -> i64 {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    client.query_one(waiting, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn terminated_connections_are_replaced() {
    let (store, database) = migrated().await;
    store.ping().await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    by_hand(&database).await.query(end, &[]).await.unwrap();
    store.load().await.unwrap();
}

#[tokio::test]
async fn a_missing_database_or_role_fails_the_start_and_is_an_outage_later() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let no_role = url.replace("postgres@", "missing_role@");
    for (url, what) in [(format!("{url}_not_there"), "database"), (no_role, "role")] {
        let store = PgStore::connect(&url).unwrap();
        for error in [store.migrate().await.unwrap_err(), store.load().await.unwrap_err()] {
            let StoreError::Failed(cause) = error else { panic!("{error:?}") };
            let cause = cause.to_string();
            assert!(cause.contains(what) && cause.contains("does not exist"), "{cause}");
        }
        assert!(store.ping().await.unwrap_err().is_unavailable());
    }
}
