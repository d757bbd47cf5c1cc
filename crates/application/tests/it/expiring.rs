//! Projects that registered themselves and fell silent.

use std::time::Duration;

use federation_domain::{Cause, ChangeKind, Origin, Revision, Source};
use federation_testkit::log_after;

use crate::world::{World, registration, seconds};

/// Silence after which a project is removed.
const EXPIRE: Duration = Duration::from_secs(600);

/// Creates a service whose projects registered themselves.
async fn with_auto_registered(slugs: &[&str]) -> World {
    let world = World::with(&[]).await;
    let unknown = slugs.iter().map(|slug| registration(slug)).collect();
    world.service.introduce(unknown).await.unwrap();
    world
}

async fn sweep(world: &World) -> usize {
    world.writer.checkpoint().await.unwrap();
    world.follower.follow().await.unwrap();
    world.service.presence.listening().set_link(Source::Nats, true);
    world.service.expiry(EXPIRE).sweep().await.unwrap()
}

#[tokio::test]
async fn a_project_that_registered_itself_is_removed_after_a_long_silence() {
    let world = with_auto_registered(&["heard", "never-heard"]).await;
    world.listen(seconds(300));
    world.beat("heard").unwrap();
    world.listen(seconds(310));
    assert_eq!(sweep(&world).await, 1);
    assert!(world.knows("heard") && !world.knows("never-heard"));
    world.listen(seconds(280));
    assert_eq!(sweep(&world).await, 0);
    world.listen(seconds(20));
    assert_eq!(sweep(&world).await, 1);
    assert!(!world.knows("heard"));
    let log = log_after(&*world.store, Revision(0), 100).await;
    let last = log.last().unwrap();
    assert_eq!((last.kind, &last.cause), (ChangeKind::Removed, &Cause::Expired));
}

#[tokio::test]
async fn a_project_that_was_registered_otherwise_or_claimed_since_is_kept() {
    let world = with_auto_registered(&["by-file", "by-api", "claimed-late"]).await;
    let catalog = &world.service.catalog;
    catalog.register(registration("by-file"), Origin::File).await.unwrap();
    catalog.register(registration("by-api"), Origin::Api).await.unwrap();
    catalog.register(registration("other"), Origin::Api).await.unwrap();
    world.listen(seconds(700));
    catalog.register(registration("claimed-late"), Origin::File).await.unwrap();
    assert_eq!(sweep(&world).await, 0);
    let restarted = world.restarted().await;
    restarted.listen(seconds(100));
    assert_eq!(sweep(&restarted).await, 0);
}

#[tokio::test]
async fn only_listened_time_counts_across_restarts() {
    let world = with_auto_registered(&["silent"]).await;
    world.listen(seconds(300));
    assert_eq!(sweep(&world).await, 0);
    world.sleep(seconds(3_600));
    let world = world.restarted().await;
    world.listen(seconds(200));
    assert_eq!(sweep(&world).await, 0, "an hour was not listened");
    world.listen(seconds(110));
    assert_eq!(sweep(&world).await, 1);
}
