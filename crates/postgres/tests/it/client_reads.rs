//! Reads on behalf of clients.

use federation_domain::{
    ChangeLogStore, Checkpoint, CheckpointStore, Slug, Source, StoreError, StoreHealth,
};
use federation_testkit::contract::samples::period;
use futures_util::future::join_all;

use crate::world::{by_hand, migrated};

/// Time is paused, so it jumps to the next deadline when every task waits.
#[tokio::test]
async fn readers_beyond_the_limits_are_refused_and_delay_nothing_else() {
    let (store, database) = migrated().await;
    let clients = store.for_clients();
    let slug = Slug::parse("a").unwrap();
    join_all((0..4).map(|_| clients.history(&slug, None, 1))).await;
    let mut hand = by_hand(&database).await;
    let lock = hand.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE changes IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let reads = (0..100).map(|_| {
        let (clients, slug) = (clients.clone(), slug.clone());
        tokio::spawn(async move { clients.history(&slug, None, 1).await })
    });
    let reads = reads.collect::<Vec<_>>();
    store.ping().await.unwrap();
    let listening_periods = vec![period(Source::Nats, 0, 10)];
    store.checkpoint(&Checkpoint { listening_periods, ..Checkpoint::default() }).await.unwrap();
    tokio::time::pause();
    let reads: Vec<_> = join_all(reads).await.into_iter().map(Result::unwrap).collect();
    tokio::time::resume();
    let busy = reads.iter().filter(|read| matches!(read, Err(StoreError::Busy(_)))).count();
    assert_eq!(busy, 96, "all but the four that have a connection");
    assert!(reads.iter().all(Result::is_err), "the table is locked");
    lock.rollback().await.unwrap();
    clients.history(&slug, None, 1).await.unwrap();
}
