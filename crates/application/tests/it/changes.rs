//! Watching changes as they happen.

use std::sync::Arc;

use federation_application::{ChangeFeed, ChangeWatcher, WatchError, WatchEvent, WatchFrom};
use federation_domain::{Actor, LogEntry, LogPosition, NewEntry, Origin, Precondition, Revision};
use federation_testkit::{FakeStore, ManualClock};
use futures_util::FutureExt;
use time::OffsetDateTime;

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

async fn register_many(world: &World, prefix: &str) {
    let many = (0..MANY).map(|number| registration(&format!("{prefix}-{number}"))).collect();
    world.service.catalog.register_all(many, Origin::Api).await.unwrap();
}

/// Returns the position after a revision in the log of the store.
fn after(revision: i64) -> WatchFrom {
    WatchFrom::After(LogPosition { revision: Revision(revision), ..LogPosition::default() })
}

async fn watch(world: &World, revision: i64) -> ChangeWatcher {
    world.service.changes.watch(after(revision)).await.unwrap()
}

/// Events available to the watcher now.
fn seen(watcher: &mut ChangeWatcher) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(news) = watcher.next().now_or_never() {
        match news.unwrap() {
            WatchEvent::Entries { entries, .. } => {
                let entry = |one: &Arc<LogEntry>| format!("{} {}", one.revision().0, one.key());
                seen.extend(entries.iter().map(entry));
            }
            WatchEvent::StartedOver(position) => {
                seen.push(format!("started over at {}", position.revision.0))
            }
        }
    }
    seen
}

/// Reads through a revision. Panics at a gap or a duplicate.
async fn read_through(watcher: &mut ChangeWatcher, last: i64) -> usize {
    let (mut position, mut count) = (watcher.position().revision.0, 0);
    while position < last {
        let WatchEvent::Entries { entries, through } = watcher.next().await.unwrap() else {
            panic!("another log")
        };
        for entry in &entries {
            position += 1;
            assert_eq!(entry.revision().0, position);
            count += 1;
        }
        assert_eq!(through.0, position);
    }
    count
}

fn newest(feed: &ChangeFeed) -> i64 {
    feed.newest().revision.0
}

#[tokio::test]
async fn a_watcher_sees_changes_from_now_on_or_from_its_position() {
    let world = World::with(&["a", "b"]).await;
    let mut from_now = world.service.changes.watch(WatchFrom::Now).await.unwrap();
    assert_eq!(from_now.position().revision, Revision(2));
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
    let mut watcher = one.service.changes.watch(WatchFrom::Now).await.unwrap();
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
    register_many(&world, "many").await;
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
    register_many(&world, "many").await;
    world.store.set_available(false);
    let feed = &world.service.changes;
    assert!(matches!(feed.watch(after(0)).await, Err(WatchError::Store(_))));
    let mut recent = watch(&world, i64::try_from(MANY).unwrap() - 1).await;
    assert_eq!(seen(&mut recent).len(), 1);
    assert!(feed.watch(WatchFrom::Now).await.is_ok());
}

#[tokio::test]
async fn a_watcher_slower_than_the_changes_kept_has_to_resume() {
    let world = World::with(&["a"]).await;
    let mut slow = world.service.changes.watch(WatchFrom::Now).await.unwrap();
    register_many(&world, "many").await;
    assert!(matches!(slow.next().await, Err(WatchError::TooSlow)));
    let last = newest(&world.service.changes);
    let mut again = watch(&world, slow.position().revision.0).await;
    assert_eq!(read_through(&mut again, last).await, MANY);
}

#[tokio::test]
async fn a_revision_that_the_log_does_not_have_belongs_to_another_log() {
    let world = World::with(&["a"]).await;
    let mut watcher = watch(&world, 17).await;
    assert_eq!(watcher.position().revision, Revision(1));
    assert_eq!(seen(&mut watcher), ["started over at 1"]);
    register(&world, &["b"]).await;
    assert_eq!(seen(&mut watcher), ["2 b"]);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_waits_for_a_revision_that_another_replica_has_shown() {
    let store = FakeStore::default();
    let (one, other) = (replica(&store).await, replica(&store).await);
    register(&other, &["a", "b"]).await;
    let late = one.service.changes.watch(after(1)).await;
    assert!(matches!(late, Err(WatchError::Behind)), "the replica does not follow");
    let feed = one.service.changes.clone();
    let watching = tokio::spawn(async move { feed.watch(after(1)).await });
    tokio::task::yield_now().await;
    one.follower.follow().await.unwrap();
    assert_eq!(seen(&mut watching.await.unwrap().unwrap()), ["2 b"]);
}

#[tokio::test]
async fn a_watcher_learns_that_the_database_was_restored() {
    let world = World::with(&["a"]).await;
    let backup = world.store.back_up();
    register(&world, &["b"]).await;
    let mut watcher = world.service.changes.watch(WatchFrom::Now).await.unwrap();
    world.store.restore(backup);
    world.follower.follow().await.unwrap();
    assert_eq!(seen(&mut watcher), ["started over at 1"]);
    register(&world, &["c"]).await;
    assert_eq!(seen(&mut watcher), ["2 c"]);
}

#[tokio::test]
async fn a_restored_database_gets_a_new_epoch_that_clients_notice_when_the_log_has_grown() {
    let store = FakeStore::default();
    let (one, other) = (replica(&store).await, replica(&store).await);
    register(&one, &["a"]).await;
    other.follower.follow().await.unwrap();
    let backup = store.back_up();
    register(&one, &["b"]).await;
    let before = one.service.changes.newest();
    store.restore(backup);
    one.follower.follow().await.unwrap();
    register(&one, &["c", "d"]).await;
    other.follower.follow().await.unwrap();
    let after = one.service.changes.newest();
    assert_ne!(before.epoch, after.epoch);
    for replica in [&one, &other] {
        assert_eq!(replica.service.changes.newest(), after, "all replicas agree");
        let from = WatchFrom::After(before);
        let mut watcher = replica.service.changes.watch(from).await.unwrap();
        assert_eq!(seen(&mut watcher), ["started over at 3"], "b was missed");
    }
}

#[tokio::test]
async fn a_position_before_dropped_entries_starts_over() {
    let world = World::with(&["a", "b", "c"]).await;
    world.store.drop_entries(Revision(2));
    let world = world.restarted().await;
    assert_eq!(seen(&mut watch(&world, 1).await), ["started over at 3"]);
    assert_eq!(seen(&mut watch(&world, 2).await), ["3 c"]);
}

#[tokio::test]
async fn a_slow_watcher_starts_over_when_its_next_entries_are_dropped() {
    let world = World::with(&["a"]).await;
    register_many(&world, "many").await;
    let mut watcher = watch(&world, 0).await;
    watcher.next().await.unwrap();
    // The entries after the first read are no longer in memory either.
    register_many(&world, "later").await;
    world.store.drop_entries(Revision(9_000));
    let last = newest(&world.service.changes);
    assert_eq!(seen(&mut watcher), [format!("started over at {last}")]);
    register(&world, &["b"]).await;
    assert_eq!(seen(&mut watcher), [format!("{} b", last + 1)]);
}

#[tokio::test]
async fn entries_of_other_entities_are_seen_on_every_replica() {
    let store = FakeStore::default();
    let (one, other) = (replica(&store).await, replica(&store).await);
    let mut watchers = Vec::new();
    for replica in [&one, &other] {
        watchers.push(replica.service.changes.watch(WatchFrom::Now).await.unwrap());
    }
    register(&one, &["a"]).await;
    store.append(NewEntry {
        entity: "edge",
        key: "a to b".to_owned(),
        kind: "added",
        at: OffsetDateTime::UNIX_EPOCH,
        payload: "{}".to_owned(),
        actor: Actor::FILE,
    });
    register(&one, &["b"]).await;
    for (replica, watcher) in [&one, &other].into_iter().zip(&mut watchers) {
        replica.follower.follow().await.unwrap();
        assert_eq!(seen(watcher), ["1 a", "2 a to b", "3 b"]);
        assert!(replica.knows("a") && replica.knows("b"));
    }
}

#[tokio::test]
async fn a_wait_for_one_project_is_not_ended_by_others() {
    let world = World::with(&["a", "b"]).await;
    let feed = world.service.changes.clone();
    let of_a = |entry: &LogEntry| entry.is_of(&slug("a"));
    let mut waiting = Box::pin(feed.changed(after(2), of_a));
    assert!(waiting.as_mut().now_or_never().is_none());
    world.service.catalog.remove(&slug("b"), Precondition::Always, Actor::API).await.unwrap();
    assert!(waiting.as_mut().now_or_never().is_none());
    world.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    waiting.await.unwrap();
    assert!(feed.changed(after(2), of_a).now_or_never().is_some(), "a changed after that revision");
}

#[tokio::test(start_paused = true)]
async fn a_wait_after_an_unknown_revision_ends() {
    let world = World::with(&["a"]).await;
    let feed = &world.service.changes;
    for revision in [0, 17] {
        let waited = tokio::time::timeout(seconds(4), feed.changed(after(revision), |_| true));
        waited.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_catalog_that_is_not_loaded_cannot_be_watched() {
    let unloaded = World::unloaded().changes;
    assert!(matches!(unloaded.watch(WatchFrom::Now).await, Err(WatchError::NotLoaded)));
    assert!(matches!(unloaded.changed(after(0), |_| true).await, Err(WatchError::NotLoaded)));
}
