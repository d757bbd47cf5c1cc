//! Watching changes as they happen.

use std::sync::Arc;

use federation_application::{ChangeFeed, ChangeWatcher, WatchError, WatchEvent};
use federation_domain::{Change, Origin, Precondition, Revision};
use federation_testkit::{FakeStore, ManualClock};
use futures_util::FutureExt;

use crate::world::{Setting, World, registration, seconds, slug};

/// More changes than are kept in memory.
const MANY: usize = 10_050;

async fn replica(store: &FakeStore) -> World {
    let clock = Arc::<ManualClock>::default();
    World::on(Arc::new(store.sharing()), clock, Setting { shared_store: true }).await
}

async fn register(world: &World, slugs: &[&str]) {
    for slug in slugs {
        world.service.catalog.register(registration(slug), Origin::Api).await.unwrap();
    }
}

async fn register_many(world: &World) {
    let many = (0..MANY).map(|number| registration(&format!("many-{number}"))).collect();
    world.service.catalog.register_all(many, Origin::Api).await.unwrap();
}

async fn watch(world: &World, after: i64) -> ChangeWatcher {
    world.service.changes.watch(Some(Revision(after))).await.unwrap()
}

/// Events available to the watcher now.
fn seen(watcher: &mut ChangeWatcher) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(news) = watcher.next().now_or_never() {
        match news.unwrap() {
            WatchEvent::Changes { changes, .. } => {
                seen.extend(changes.iter().map(|one| format!("{} {}", one.revision.0, one.slug)));
            }
            WatchEvent::StartedOver(revision) => {
                seen.push(format!("started over at {}", revision.0))
            }
        }
    }
    seen
}

/// Reads through a revision. Panics at a gap or a duplicate.
async fn read_through(watcher: &mut ChangeWatcher, last: i64) -> usize {
    let (mut position, mut count) = (watcher.position().0, 0);
    while position < last {
        let WatchEvent::Changes { changes, through } = watcher.next().await.unwrap() else {
            panic!("another log")
        };
        for change in &changes {
            position += 1;
            assert_eq!(change.revision.0, position);
            count += 1;
        }
        assert_eq!(through.0, position);
    }
    count
}

fn newest(feed: &ChangeFeed) -> i64 {
    feed.newest().0
}

#[tokio::test]
async fn a_watcher_sees_changes_from_now_on_or_from_its_position() {
    let world = World::with(&["a", "b"]).await;
    let mut from_now = world.service.changes.watch(None).await.unwrap();
    assert_eq!(from_now.position(), Revision(2));
    let mut resumed = watch(&world, 1).await;
    world.beat("a").unwrap();
    world.writer.flush().await.unwrap();
    assert_eq!(seen(&mut from_now), ["3 a"]);
    assert_eq!(seen(&mut resumed), ["2 b", "3 a"]);
    register(&world, &["c"]).await;
    assert_eq!((seen(&mut from_now), seen(&mut resumed)), (vec!["4 c".into()], vec!["4 c".into()]));
}

#[tokio::test]
async fn changes_of_other_replicas_are_seen_in_the_order_of_the_log() {
    let store = FakeStore::default();
    let (one, other) = (replica(&store).await, replica(&store).await);
    let mut watcher = one.service.changes.watch(None).await.unwrap();
    register(&other, &["a"]).await;
    register(&one, &["b"]).await;
    assert!(seen(&mut watcher).is_empty(), "the first was not read yet");
    assert_eq!(newest(&one.service.changes), 0);
    one.follower.follow().await.unwrap();
    assert_eq!(seen(&mut watcher), ["1 a", "2 b"]);
    assert!(one.knows("a"));
}

#[tokio::test]
async fn a_watcher_far_behind_reads_the_log_and_misses_no_change() {
    let world = World::with(&["a"]).await;
    register_many(&world).await;
    let mut watcher = watch(&world, 0).await;
    let last = newest(&world.service.changes);
    assert_eq!(read_through(&mut watcher, last).await, MANY + 1);
    register(&world, &["b"]).await;
    assert_eq!(seen(&mut watcher), [format!("{} b", last + 1)]);
}

#[tokio::test]
async fn a_restart_loses_no_change() {
    let world = World::with(&["a", "b"]).await.restarted().await;
    assert_eq!(seen(&mut watch(&world, 0).await), ["1 a", "2 b"]);
}

#[tokio::test]
async fn new_changes_are_seen_without_the_store_and_old_ones_are_not() {
    let store = FakeStore::default();
    let world = replica(&store).await;
    register_many(&world).await;
    world.store.set_available(false);
    let feed = &world.service.changes;
    assert!(matches!(feed.watch(Some(Revision(0))).await, Err(WatchError::Store(_))));
    let mut recent = watch(&world, i64::try_from(MANY).unwrap() - 1).await;
    assert_eq!(seen(&mut recent).len(), 1);
    assert!(feed.watch(None).await.is_ok());
}

#[tokio::test]
async fn a_watcher_slower_than_the_changes_kept_has_to_resume() {
    let world = World::with(&["a"]).await;
    let mut slow = world.service.changes.watch(None).await.unwrap();
    register_many(&world).await;
    assert!(matches!(slow.next().await, Err(WatchError::TooSlow)));
    let last = newest(&world.service.changes);
    let mut again = watch(&world, slow.position().0).await;
    assert_eq!(read_through(&mut again, last).await, MANY);
}

#[tokio::test]
async fn a_revision_that_the_log_does_not_have_belongs_to_another_log() {
    let world = World::with(&["a"]).await;
    let mut watcher = watch(&world, 17).await;
    assert_eq!(watcher.position(), Revision(1));
    assert_eq!(seen(&mut watcher), ["started over at 1"]);
    register(&world, &["b"]).await;
    assert_eq!(seen(&mut watcher), ["2 b"]);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_waits_for_a_revision_that_another_replica_has_shown() {
    let store = FakeStore::default();
    let (one, other) = (replica(&store).await, replica(&store).await);
    register(&other, &["a", "b"]).await;
    let late = one.service.changes.watch(Some(Revision(1))).await;
    assert!(matches!(late, Err(WatchError::Behind)), "the replica does not follow");
    let feed = one.service.changes.clone();
    let watching = tokio::spawn(async move { feed.watch(Some(Revision(1))).await });
    tokio::task::yield_now().await;
    one.follower.follow().await.unwrap();
    assert_eq!(seen(&mut watching.await.unwrap().unwrap()), ["2 b"]);
}

#[tokio::test]
async fn a_watcher_learns_that_the_database_was_restored() {
    let world = World::with(&["a"]).await;
    let backup = world.store.back_up();
    register(&world, &["b"]).await;
    let mut watcher = world.service.changes.watch(None).await.unwrap();
    world.store.restore(backup);
    world.follower.follow().await.unwrap();
    assert_eq!(seen(&mut watcher), ["started over at 1"]);
    register(&world, &["c"]).await;
    assert_eq!(seen(&mut watcher), ["2 c"]);
}

#[tokio::test]
async fn a_wait_for_one_project_is_not_ended_by_others() {
    let world = World::with(&["a", "b"]).await;
    let feed = world.service.changes.clone();
    let of_a = |change: &Change| change.slug == slug("a");
    let mut waiting = Box::pin(feed.changed(Revision(2), of_a));
    assert!(waiting.as_mut().now_or_never().is_none());
    world.service.catalog.remove(&slug("b"), Precondition::Always).await.unwrap();
    assert!(waiting.as_mut().now_or_never().is_none());
    world.service.catalog.remove(&slug("a"), Precondition::Always).await.unwrap();
    waiting.await.unwrap();
    assert!(
        feed.changed(Revision(2), of_a).now_or_never().is_some(),
        "a changed after that revision"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_after_an_unknown_revision_ends() {
    let world = World::with(&["a"]).await;
    let feed = &world.service.changes;
    for after in [0, 17] {
        let waited = tokio::time::timeout(seconds(4), feed.changed(Revision(after), |_| true));
        waited.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_catalog_that_is_not_loaded_cannot_be_watched() {
    let unloaded = World::unloaded().changes;
    assert!(matches!(unloaded.watch(None).await, Err(WatchError::NotLoaded)));
    assert!(matches!(unloaded.changed(Revision(0), |_| true).await, Err(WatchError::NotLoaded)));
}
