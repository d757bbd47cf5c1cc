//! Rows that another transaction holds, and heartbeats that another replica has stored.

use std::sync::Arc;

use federation_domain::CatalogStore;
use federation_domain::Origin;
use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_testkit::{FakeStore, ManualClock};

use crate::world::{Setting, World, registration, seconds, slug};

#[tokio::test]
async fn a_held_row_delays_only_its_own_project() {
    let world = World::with(&["held", "free"]).await;
    world.store.lock(&slug("held"));
    world.beat("held").unwrap();
    world.beat("free").unwrap();
    world.listen(seconds(61));
    world.writer.flush().await.unwrap();
    let log = world.log().await;
    assert_eq!(log.len(), 2, "{log:?}");
    world.store.unlock();
    world.listen(seconds(30));
    world.writer.store_unrelayed().await.unwrap();
    let steps: Vec<_> = world.log().await.into_iter().map(|(from, to, _)| (from, to)).collect();
    let of_one = [(Offline, Online), (Online, Degraded), (Degraded, Offline)];
    let mut both = [of_one, of_one].concat();
    both.swap(2, 5);
    let mut sorted = steps.clone();
    sorted.sort_unstable();
    both.sort_unstable();
    assert_eq!(sorted, both, "nothing is lost or merged: {steps:?}");
    assert!(world.service.metrics.encode().unwrap().contains("waiting_changes 0"));
}

#[tokio::test]
async fn the_heartbeat_of_a_held_row_is_stored_by_the_next_checkpoint() {
    let world = World::with(&["held", "free"]).await;
    for project in ["held", "free"] {
        world.beat(project).unwrap();
    }
    world.writer.checkpoint().await.unwrap();
    world.listen(seconds(10));
    for project in ["held", "free"] {
        world.beat(project).unwrap();
    }
    world.store.lock(&slug("held"));
    world.writer.checkpoint().await.unwrap();
    let stored = async |project: &str| {
        let found = world.store.find(&[slug(project)]).await.unwrap().remove(0);
        found.last_heartbeat_at == world.project(project).last_heartbeat_at
    };
    assert!(!stored("held").await && stored("free").await);
    world.store.unlock();
    world.writer.checkpoint().await.unwrap();
    assert!(stored("held").await);
}

#[tokio::test]
async fn replicas_do_not_store_the_same_heartbeat_twice() {
    let (store, clock) = (FakeStore::default(), Arc::<ManualClock>::default());
    let world = async || {
        let store = Arc::new(store.sharing());
        World::on(store, Arc::clone(&clock), Setting { shared_store: true }).await
    };
    let one = world().await;
    one.service.catalog.register(registration("a"), Origin::Api).await.unwrap();
    let other = world().await;
    for replica in [&one, &other] {
        replica.beat("a").unwrap();
        replica.writer.checkpoint().await.unwrap();
    }
    for round in 1..=3 {
        clock.advance(seconds(30));
        one.beat("a").unwrap();
        clock.advance(std::time::Duration::from_millis(20));
        other.beat("a").unwrap();
        one.writer.checkpoint().await.unwrap();
        other.writer.checkpoint().await.unwrap();
        one.writer.checkpoint().await.unwrap();
        let written = one.store.heartbeats_written() + other.store.heartbeats_written();
        assert_eq!(written, round, "each heartbeat is written by one replica");
    }
}
